"""The sample wallet on FastAPI and uvicorn. `python wallet.py [h11|httptools]`; PORT=0 takes a free port."""

import json
import os
import socket
import sys
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

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
    """The parsed body, JSON or form, as a handler would read it; None when it cannot be read."""
    try:
        raw = await request.body()
        if "json" not in request.headers.get("content-type", ""):
            return dict(parse_qsl(raw.decode()))
        body = json.loads(raw)
        # Infinities cannot be shown.
        json.dumps(body, allow_nan=False)
        return body
    except (ValueError, ClientDisconnect):
        return None


def answer(route, body):
    body = body if isinstance(body, dict) else {}
    if route.endswith("/fund"):
        reference = f"FUND-{len(hits)}-reference"
        pending[reference] = body.get("amount", 0)
        return {"success": True, "transactionReference": reference}
    if route.endswith(("/verify-otp", "/otp/verify")):
        reference = str(body.get("transaction_reference"))
        state["balance"] += float(pending.pop(reference, 0))
        return {"success": True, "newBalance": state["balance"], "transactionId": f"TXN-{reference}"}
    return {"success": True, "exists": False}


def protect(method, path):
    async def handler(request: Request):
        scope = request.scope
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        hit = {
            "route": path,
            "method": request.method,
            "url": scope["raw_path"].decode("latin-1") + query,
            "body": None,
            "headers": list(request.headers.keys()),
            "mark": request.headers.get("x-mark"),
        }
        # Reaching the handler counts, whatever becomes of the body.
        hits.append(hit)
        hit["body"] = body = await body_of(request)
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


async def wallet(scope, receive, send):
    """Answers a request that asks for it with itself, whatever its path is; leaves the rest to the framework."""
    if scope["type"] != "http" or "x-echo" not in Request(scope).headers:
        return await app(scope, receive, send)
    request = Request(scope, receive)
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    seen = {
        "method": request.method,
        "url": scope["raw_path"].decode("latin-1") + query,
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": (await request.body()).hex(),
    }
    return await JSONResponse(seen)(scope, receive, send)


if __name__ == "__main__":
    # The protocol by name: only then does asyncio switch Nagle's algorithm off.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    listener.listen(128)
    print(f"listening {listener.getsockname()[1]}", flush=True)
    protocol = sys.argv[1] if len(sys.argv) > 1 else "httptools"
    uvicorn.Server(uvicorn.Config(wallet, http=protocol, log_level="critical")).run(sockets=[listener])
