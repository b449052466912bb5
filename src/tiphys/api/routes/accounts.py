"""Login by an identity provider. Source: reference/rest-api.md 17.4."""

from __future__ import annotations

import logging
import secrets
from email.utils import formatdate
from typing import Final
from urllib.parse import quote, unquote

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from tiphys.api.call import Call
from tiphys.api.routing import Answer, Routes, Says, anybody
from tiphys.errors import TiphysError

_log = logging.getLogger(__name__)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_STATE_LENGTH: Final = 32
_STATE_SECONDS: Final = 180
_LONGEST: Final = 2048
_LONGEST_REASON: Final = 200


def register(routes: Routes) -> None:
    """Add the endpoints."""
    policy = anybody("who logs in is not known yet")
    says = Says("Go to the identity provider.", query=("redirect",), raw=True)
    routes.add("GET", "/oauth2/redirect", policy, begin, says)
    back = ("code", "state", "error", "error_description")
    says = Says("Come back from the identity provider.", query=back, raw=True)
    routes.add("GET", "/oauth2/callback", policy, finish, says)


async def begin(call: Call) -> Answer:
    """Send a browser to the identity provider."""
    logins = call.services.logins
    if logins is None:
        return Response(status_code=501)
    about = call.services.about
    state = "".join(secrets.choice(_LETTERS) for _ in range(_STATE_LENGTH))
    address, secret = await logins.begin(_callback(call))
    path = safe_path(call.query.text("redirect"), about.base_href)
    response = RedirectResponse(f"{address}&state={state}", 302)
    response.set_cookie(
        f"tiphys-{state}",
        quote(f"{secret} {path}", safe=""),
        max_age=_STATE_SECONDS,
        path="/oauth2/",
        secure=about.secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def finish(call: Call) -> Answer:
    """Let in who comes back from the identity provider."""
    logins = call.services.logins
    if logins is None:
        return Response(status_code=501)
    about = call.services.about
    name = f"tiphys-{call.query.text('state')}"
    kept = call.request.cookies.get(name, "")
    if not call.query.text("state") or not kept:
        return _refused(400, "this login was not begun here, or took too long: begin again")
    if refused := call.query.text("error"):
        told = f"{refused} {call.query.text('errorDescription')}"[:_LONGEST_REASON]
        _log.warning("a login was refused: the identity provider let nobody in: %a", told)
        return _refused(401, "the identity provider let nobody in")
    secret, _, path = unquote(kept).partition(" ")
    try:
        credential, expires = await logins.finish(call.query.text("code"), secret, _callback(call))
    except TiphysError as exc:
        _log.warning("a login was refused: %s", exc)
        return _refused(401, "the login was refused; the server's log says why")
    response = RedirectResponse(safe_path(path, about.base_href), 302)
    response.delete_cookie(name, path="/oauth2/")
    # Readable by scripts, as in Argo: its pages show it to people, for the command line.
    flags = "; Secure" if about.secure else ""
    response.headers.append(
        "set-cookie",
        f'authorization="{credential}"; Path={about.base_href}; SameSite=Strict; '
        f"Expires={formatdate(expires, usegmt=True)}{flags}",
    )
    return response


def _refused(status: int, text: str) -> Response:
    """Return a page for the person whose browser came back.

    Differs: the pages of Argo are empty.
    """
    return PlainTextResponse(f"{text}\n", status)


def _callback(call: Call) -> str:
    """Return the address that the identity provider sends browsers back to."""
    about = call.services.about
    host = call.request.headers.get("host", "localhost")
    return f"{'https' if about.secure else 'http'}://{host}{about.base_href}oauth2/callback"


def safe_path(text: str, otherwise: str) -> str:
    """Return a path of this server; what could lead elsewhere is replaced."""
    plain = text.isascii() and text.isprintable() and len(text) < _LONGEST and "\\" not in text
    if plain and text.startswith("/") and not text.startswith("//"):
        return text
    return otherwise
