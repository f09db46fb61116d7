"""The sample wallet on FastAPI and uvicorn. `python wallet.py [h11|httptools]`; PORT=0 takes a free port."""

import os
import socket
import sys
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request

PROTECTED = [
    ("POST", "/api/wallet/fund"),
    ("POST", "/api/wallet/verify-otp"),
    ("POST", "/api/wallet/otp/verify"),
    ("POST", "/api/wallet/otp/send"),
    ("GET", "/api/wallet/otp/status"),
    ("POST", "/api/wallet/deduct"),
    ("POST", "/api/wallets/{id}/fund"),
]
OPEN = [
    ("POST", "/user/login"),
    ("GET", "/api/wallet/balance"),
    ("GET", "/api/wallet/transactions"),
]

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
hits = []
state = {"balance": 0}
pending = {}


async def body_of(request):
    """The parsed body, JSON or form, as a handler would read it."""
    raw = await request.body()
    if not raw:
        return None
    if "json" in request.headers.get("content-type", ""):
        return await request.json()
    return dict(parse_qsl(raw.decode()))


def answer(route, body):
    body = body if isinstance(body, dict) else {}
    if route.endswith("/fund"):
        reference = f"FUND-{len(hits)}-reference"
        pending[reference] = float(body.get("amount", 0))
        return {"success": True, "transactionReference": reference}
    if route.endswith(("/verify-otp", "/otp/verify")):
        reference = str(body.get("transaction_reference"))
        state["balance"] += pending.pop(reference, 0)
        return {"success": True, "newBalance": state["balance"], "transactionId": f"TXN-{reference}"}
    return {"success": True, "exists": False}


def protect(method, path):
    async def handler(request: Request):
        body = await body_of(request)
        url = request.scope["raw_path"].decode("latin-1")
        mark = request.headers.get("x-mark")
        hits.append({"route": path, "method": request.method, "url": url, "body": body, "mark": mark})
        return answer(path, body)

    app.add_api_route(path, handler, methods=[method])


def leave_open(method, path):
    async def handler():
        return {"success": True, "balance": state["balance"]}

    app.add_api_route(path, handler, methods=[method])


for route in PROTECTED:
    protect(*route)
for route in OPEN:
    leave_open(*route)


@app.get("/__hits")
async def read_hits():
    return hits


@app.delete("/__hits")
async def forget_hits():
    hits.clear()
    return {"success": True}


if __name__ == "__main__":
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    listener.listen(128)
    print(f"listening {listener.getsockname()[1]}", flush=True)
    protocol = sys.argv[1] if len(sys.argv) > 1 else "httptools"
    uvicorn.Server(uvicorn.Config(app, http=protocol, log_level="error")).run(sockets=[listener])
