#!/usr/bin/env python3
"""The load under which `scripts/pgo.sh` learns what runs how often: passed requests in all the shapes of the
comparison, and decided ones with either store, so that nothing is laid out at the cost of something else.

    train.py --peers target/peers/release --sidecar .../otp-sidecar --policies policies
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess

import compare

SECRET = "a-secret-for-training-that-is-long-enough"
CODE_KEYS = "k1:" + base64.b64encode(bytes(32)).decode()

# Passed requests: the shapes of the comparison, and what clients send besides.
PASSED = {
    **{name: shape for name, shape in compare.SHAPES.items() if name != "one"},
    "browser": (
        16,
        "/api/wallet/balance?currency=EUR&page=2",
        """wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
wrk.headers["Accept"] = "application/json"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.5"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
wrk.headers["Cookie"] = "session=0123456789abcdef"
wrk.headers["Origin"] = "https://wallet.example"
wrk.headers["Connection"] = "keep-alive"
wrk.headers["X-Forwarded-For"] = "192.0.2.7"
wrk.headers["X-Forwarded-Proto"] = "https"
wrk.headers["X-Request-Id"] = "6f1c0f1e"
""",
    ),
}

POST = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [[{}]]\n'
DECIDED = {
    "send": (
        "/api/wallet/otp/send",
        {"purpose": "wallet_funding", "email": "user@example.com", "transaction_reference": "T1"},
    ),
    "verify": ("/api/wallet/verify-otp", {"otp": "000000", "transaction_reference": "T1"}),
    "status": ("/api/wallet/otp/status?purpose=wallet_funding", None),
}


def token():
    """A caller of the shipped policy, for ever."""

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(b'{"alg":"HS256","typ":"JWT"}')
    claims = part(json.dumps({"id": "u1", "email": "user@example.com", "exp": 4102444800}).encode())
    signature = hmac.new(SECRET.encode(), head + b"." + claims, hashlib.sha256).digest()
    return (head + b"." + claims + b"." + part(signature)).decode()


def decided():
    bearer = f'wrk.headers["Authorization"] = "Bearer {token()}"\n'
    for name, (path, body) in DECIDED.items():
        yield name, (8, path, bearer + (POST.format(json.dumps(body)) if body else ""))


def without_limits(policies, folder):
    """The shipped policy, with limits that one caller does not reach."""
    copied = shutil.copytree(policies, f"{folder}/policies")
    with open(f"{copied}/default.yaml") as file:
        text = file.read()
    text = re.sub(r"\bmax: *\d+, *per: *\w+", "max: 100000, per: 1s", text)
    with open(f"{copied}/default.yaml", "w") as file:
        file.write(text)
    return copied


def put_under_load(rig, port, name, shape, seconds):
    connections, path, script = shape
    file = f"{rig.dir}/{name}.lua"
    with open(file, "w") as lua:
        lua.write(script + compare.REPORT)
    url = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", file, url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    done, failed = re.search(r"RESULT (\d+) (\d+)", output).groups()
    print(f"  {name:8} {done:>8} requests, {failed} answered with an error", flush=True)


def train(rig, options, state, shapes):
    """One run of the program, to its end: that is when it writes down what it has counted."""
    command = [options.sidecar, "serve", "--listen", "LISTEN", "--admin-listen", "ADMIN"]
    command += ["--upstream", "http://BACKEND", "--policies", f"{rig.dir}/policies", "--state", state]
    command += ["--smtp", "smtp://127.0.0.1:1?tls=none", "--mail-from", "otp@example.com"]
    port, _ = rig.launch(state.partition(":")[0], command)
    print(f"state in {state}", flush=True)
    for name, shape in shapes:
        put_under_load(rig, port, name, shape, options.seconds)
    sidecar = rig.children.pop()
    sidecar.terminate()
    sidecar.wait(120)  # A stop waits for the mails that cannot be sent.


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, help="folder of the backend")
    parser.add_argument("--sidecar", required=True, help="the program, built with counters")
    parser.add_argument("--policies", required=True, help="folder of the shipped policies")
    parser.add_argument("--seconds", type=int, default=2, help="for each shape")
    options = parser.parse_args()
    os.environ.update(JWT_SECRET=SECRET, OTP_SIDECAR_CODE_KEYS=CODE_KEYS, PIN="0")
    rig = compare.Rig(options.peers, {}, ["sidecar"])
    try:
        without_limits(options.policies, rig.dir)
        redis = compare.free_port()
        rig.start(["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""], compare.LOAD_CORE, redis)
        train(rig, options, "memory", [*PASSED.items(), *decided()])
        train(rig, options, f"redis://127.0.0.1:{redis}", decided())
    finally:
        rig.close()


if __name__ == "__main__":
    main()
