"""A real SMTP relay for the tests: STARTTLS with AUTH, implicit TLS, and plain text, all on loopback.

It prints one line of JSON when it is ready (ports, and the authority to trust), keeps what it gets,
and is driven over HTTP:

    GET    /mails   what arrived, decoded
    DELETE /mails   forget it
    GET    /stats   how many connections and logins there were
    POST   /mode    {"mode": "ok", "times": 1}; without "times" until the next call
    POST   /hangup  close every connection, as a relay that restarts

It ends when its standard input does, so it never outlives the test that started it.
"""

import argparse
import asyncio
import base64
import json
import logging
import os
import re
import ssl
import sys
import warnings
from datetime import datetime, timezone
from email import message_from_bytes, policy

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

HOST = "127.0.0.1"
STEPS = ("ehlo", "auth", "mail", "rcpt", "data")
MODES = {"ok", "reject_sender", "reject_rcpt", "echo", "busy", "closing", "hang", "drop", "reject_auth"}
MODES |= {"reject_size", "reject_content", "greylist", "too_many"}
# Refuses at this step, and tells everything that it has ever heard.
MODES |= {f"gossip_{step}" for step in STEPS}


# Of the message itself.
REFUSALS = {
    "reject_size": "552 5.3.4 message too big",
    "reject_content": "550 5.7.1 looks like spam",
    "too_many": "451 4.7.1 too many messages",
}


class Relay:
    """What all listeners share: the mails, the mode and the login."""

    def __init__(self, user, password):
        self.login = (user.encode(), password.encode())
        self.mails = []
        self.mode = "ok"
        self.times = None
        self.open = set()
        self.stats = {"connections": 0, "logins": 0}
        self.heard = [user, password, base64.b64encode(password.encode()).decode()]

    def gossip(self):
        """A refusal in several lines, with a secret at the beginning of each."""
        lines = [f"554-{word} and {' '.join(self.heard)}" for word in self.heard]
        return "\r\n".join([*lines, f"554 {' '.join(self.heard)}"])

    def listen(self, *words):
        self.heard.extend(word for word in words if word not in self.heard)

    def set_mode(self, mode, times=None):
        if mode not in MODES:
            raise ValueError(mode)
        self.mode, self.times = mode, times

    def meets(self, *modes):
        """Whether one of these modes is on; one that is on a number of times is used up by it."""
        if self.mode not in modes or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def hang_up(self):
        for server in list(self.open):
            if server.transport:
                server.transport.close()

    def leave(self, how):
        how()
        raise ConnectionResetError("on purpose")

    def authenticate(self, server, session, envelope, mechanism, data):
        self.stats["logins"] += 1
        wrong = (data.login, data.password) != self.login
        # Unhandled, or the connection would be dropped without a 535.
        if self.meets("gossip_auth"):
            return AuthResult(success=False, handled=False, message=self.gossip())
        return AuthResult(success=not (wrong or self.meets("reject_auth")), handled=False)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        if self.meets("gossip_ehlo"):
            return [self.gossip()]
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.meets("busy"):
            return "451 4.3.2 come back later, code 603645"
        if self.meets("closing"):
            server.transport.write(b"421 4.3.2 closing\r\n")
            return self.leave(server.transport.close)
        if self.meets("reject_sender"):
            return f"553 5.7.1 {address} may not send"
        if self.meets("drop"):
            return self.leave(server.transport.abort)
        if self.meets("gossip_mail"):
            return self.gossip()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.listen(address)
        if self.meets("gossip_rcpt"):
            return self.gossip()
        if self.meets("reject_rcpt"):
            return f"550 5.1.1 no such user {address}"
        if self.meets("greylist"):
            return "450 4.2.0 greylisted, come back in 5 minutes"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.meets("hang"):
            await asyncio.sleep(3600)
        if self.meets("echo"):
            said = " ".join(envelope.content.decode(errors="replace").split())
            return f"554 5.6.0 refused: {said[-400:]}"
        content = envelope.content.decode(errors="replace")
        self.listen(*re.findall(r"^(\d{6})\r?$", content, re.MULTILINE))
        if self.meets("gossip_data"):
            return self.gossip()
        for mode, refusal in REFUSALS.items():
            if self.meets(mode):
                return refusal
        self.mails.append(self.decoded(server, session, envelope))
        return "250 2.0.0 Ok: queued as 4F1B2C"

    def decoded(self, server, session, envelope):
        raw = envelope.original_content or envelope.content
        message = message_from_bytes(raw, policy=policy.default)
        parts = [part for part in message.walk() if not part.is_multipart()]
        return {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "authenticated": bool(session.authenticated),
            "headers": [[name.lower(), str(value)] for name, value in message.items()],
            "parts": [
                {
                    "type": part.get_content_type(),
                    "encoding": str(part.get("content-transfer-encoding", "7bit")).lower(),
                    "text": part.get_content(),
                }
                for part in parts
            ],
            "raw": raw.decode("utf-8", errors="replace"),
        }


class Counted(SMTP):
    """A connection that can be counted and hung up on."""

    def connection_made(self, transport):
        upgraded = self in self.event_handler.open
        super().connection_made(transport)
        if not upgraded:
            self.event_handler.stats["connections"] += 1
            self.event_handler.open.add(self)

    def connection_lost(self, error):
        super().connection_lost(error)
        self.event_handler.open.discard(self)


async def http(relay, reader, writer):
    """One request of HTTP/1.1, one answer, closed."""
    method, path, _ = (await reader.readline()).decode().split(" ", 2)
    length = 0
    while (line := (await reader.readline()).strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = await reader.readexactly(length)
    status, answer = "200 OK", None
    try:
        answer = control(relay, method, path, json.loads(body) if body else {})
    except (KeyError, ValueError, TypeError) as error:
        status, answer = "400 Bad Request", str(error)
    payload = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode() + payload)
    await writer.drain()
    writer.close()


def control(relay, method, path, body):
    call = (method, path)
    if call == ("GET", "/mails"):
        return relay.mails
    if call == ("DELETE", "/mails"):
        return relay.mails.clear()
    if call == ("GET", "/stats"):
        return relay.stats
    if call == ("POST", "/mode"):
        return relay.set_mode(**body)
    if call == ("POST", "/hangup"):
        return relay.hang_up()
    raise KeyError(path)


def authority(folder):
    """The certificate authority of that folder, made when it is not there: a relay that restarts
    keeps it."""
    key, certificate = os.path.join(folder, "ca-key.pem"), os.path.join(folder, "ca.pem")
    if os.path.exists(key):
        with open(certificate, "rb") as cert_file, open(key, "rb") as key_file:
            return trustme.CA.from_pem(cert_file.read(), key_file.read()), certificate
    ca = trustme.CA()
    ca.private_key_pem.write_to_path(key)
    ca.cert_pem.write_to_path(certificate)
    return ca, certificate


async def main(arguments):
    relay = Relay(arguments.user, arguments.password)
    ca, certificate = authority(arguments.folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost", HOST).configure_cert(context)
    elsewhere = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("elsewhere.example").configure_cert(elsewhere)
    expired = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost", not_after=datetime(2001, 1, 1, tzinfo=timezone.utc)).configure_cert(expired)
    loop = asyncio.get_running_loop()
    login = {"authenticator": relay.authenticate, "timeout": 60}
    starttls = {"tls_context": context, "require_starttls": True, "auth_required": True, **login}
    # The library only counts STARTTLS as TLS, so the implicit listener must not ask for it.
    implicit = {"auth_require_tls": False, "auth_required": True, **login}
    plain = {"auth_require_tls": False, **login}
    without_login = {"auth_exclude_mechanism": ["PLAIN", "LOGIN"], "tls_context": context, "timeout": 60}

    async def listen(port, options, **more):
        server = await loop.create_server(lambda: Counted(relay, **options), HOST, port, **more)
        return server.sockets[0].getsockname()[1]

    control_server = await asyncio.start_server(lambda r, w: http(relay, r, w), HOST, 0)
    ready = {
        "starttls": await listen(arguments.starttls_port, starttls),
        "implicit": await listen(0, implicit, ssl=context),
        "plain": await listen(0, plain),
        "wrong_name": await listen(0, {**starttls, "tls_context": elsewhere}),
        "expired": await listen(0, {**starttls, "tls_context": expired}),
        "no_login": await listen(0, without_login),
        "ca": certificate,
        "http": control_server.sockets[0].getsockname()[1],
    }
    print(json.dumps(ready), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, help="where the certificate authority is kept")
    parser.add_argument("--user", default="otp@wallet.example")
    parser.add_argument("--password", default="correct horse")
    parser.add_argument("--starttls-port", type=int, default=0)
    asyncio.run(main(parser.parse_args()))
    # Connections that hang on purpose must not hold up the end.
    os._exit(0)
