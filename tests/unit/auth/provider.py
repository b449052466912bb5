"""A small identity provider on loopback: discovery, tokens, keys, who somebody is."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, SECRET, KEY_ID = "tiphys", "s3cret", "k1"


def encoded(data: bytes | dict) -> str:
    raw = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Provider:
    """Signs whatever `claims` says; tests make it lie."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": KEY_ID})
    info: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    now: float = 0.0

    def visited(self, address: str) -> str:
        """Let somebody log in at the address a browser was sent to; return the code it gets."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = hashlib.sha256(address.encode()).hexdigest()
        self.asked[code] = query
        return code

    def id_token(self, query: dict[str, str]) -> str:
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "user-1",
            "exp": self.now + 300,
            "nonce": query["nonce"],
            **self.claims,
        }
        signed = f"{encoded(self.header)}.{encoded(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{encoded(signature)}"

    # ------------------------------------------------------------------------------- HTTP

    async def discovery(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        query = self.asked.pop(str(form["code"]), None)
        login = request.headers.get("Authorization", "").removeprefix("Basic ")
        challenge = encoded(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        good = query is not None and query["code_challenge"] == challenge
        if not good or base64.b64decode(login).decode() != f"{CLIENT}:{SECRET}":
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"id_token": self.id_token(query), "access_token": "at"})

    async def keys(self, _: web.Request) -> web.Response:
        numbers = self.key.public_key().public_numbers()
        length = (numbers.n.bit_length() + 7) // 8
        key = {
            "kty": "RSA",
            "kid": KEY_ID,
            "use": "sig",
            "n": encoded(numbers.n.to_bytes(length, "big")),
            "e": encoded(numbers.e.to_bytes(3, "big")),
        }
        return web.json_response({"keys": [key]})

    async def user_info(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer at"
        return web.json_response(self.info)

    async def start(self) -> web.AppRunner:
        """Serve on a free port of loopback."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_post("/token", self.token)
        app.router.add_get("/keys", self.keys)
        app.router.add_get("/me", self.user_info)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.issuer = f"http://127.0.0.1:{port}"
        return runner
