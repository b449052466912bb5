"""Files behind URLs: GET to read, PUT to write; Artifactory is such a server.

Source: reference/executor.md 10.6; argo workflow/artifacts/http, artifactory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from tiphys.artifacts import http_session as web
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.http_session import Timeouts, Web, Who
from tiphys.artifacts.unsupported import NO_DELETE, refuse_list
from tiphys.errors import Permanent, UserError
from tiphys.model.artifacts import Artifact, HTTPArtifact, OAuth2Auth
from tiphys.model.meta import SecretKeySelector
from tiphys.model.secret import Secret
from tiphys.ports import Entry, Stored


class HttpDriver:
    """Reads and writes `http` and `artifactory` artifacts."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        connect_seconds: float = 10.0,
        read_seconds: float = 60.0,
        trust_env: bool = True,
    ) -> None:
        self._credentials = credentials
        self._web = Web(Timeouts(connect_seconds, read_seconds), trust_env)

    async def get(self, where: Artifact, to: Path) -> None:
        """Write the body to `to`. Raises NotFound for 404."""
        who = await self._who(where)
        async with self._web.session(who) as session, web.fetched(session, _url(where), who) as got:
            await web.save(got, to)

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield the body. Raises NotFound for 404."""
        who = await self._who(where)
        async with self._web.session(who) as session, web.fetched(session, _url(where), who) as got:
            async for piece in web.pieces(got):
                yield piece

    async def put(self, source: Path, where: Artifact) -> Stored:
        """PUT the file. Raises Permanent for a directory."""
        url = _url(where)
        if source.is_dir():
            raise Permanent(f"saving file {source} to {url} failed with reason: is a directory")
        who = await self._who(where)
        async with self._web.session(who) as session:
            answer, stored = await web.send_file(session, source, url, who)
        if answer.status >= 300:
            text = f"saving file {source} to {url} failed with reason: {web.status_line(answer)}"
            raise web.failure(text, answer)
        return stored

    def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Raises Permanent, with Argo's text."""
        del where
        return refuse_list()

    async def delete(self, where: Artifact) -> None:
        """Raises Permanent, with Argo's text."""
        del where
        raise Permanent(NO_DELETE)

    async def _who(self, where: Artifact) -> Who:
        if where.artifactory is not None:
            found = where.artifactory
            return Who(self._basic(found.username_secret, found.password_secret))
        location = where.http or HTTPArtifact()
        headers = tuple((item.name, item.value) for item in location.headers)
        if location.auth is None:
            return Who(headers)
        auth = location.auth
        basic = self._basic(auth.basic_auth.username_secret, auth.basic_auth.password_secret)
        cert = self._credentials.get(auth.client_cert.client_cert_secret)
        key = self._credentials.get(auth.client_cert.client_key_secret)
        if cert is not None and key is not None:
            tls = await asyncio.to_thread(web.certificate, cert, key)
            return Who((*headers, *basic), tls)
        token = await self._token(auth.oauth2)
        if token is not None:
            return Who((*headers, ("Authorization", f"Bearer {token.text()}")))
        return Who((*headers, *basic))

    def _basic(
        self, user: SecretKeySelector | None, password: SecretKeySelector | None
    ) -> tuple[tuple[str, str], ...]:
        """Return the header of user and password if neither is empty."""
        name, word = self._credentials.text(user), self._credentials.text(password)
        if not name or not word:
            return ()
        made = web.basic(name, word)
        self._credentials.masker.add(Secret(made[1].removeprefix("Basic ").encode()))
        return (made,)

    async def _token(self, flow: OAuth2Auth) -> Secret | None:
        """Ask for a token of the client-credentials flow, if it is configured."""
        client = self._credentials.text(flow.client_id_secret)
        secret = self._credentials.text(flow.client_secret_secret)
        url = self._credentials.text(flow.token_url_secret)
        if not (client and secret and url):
            return None
        form = [("grant_type", "client_credentials")]
        if flow.scopes:
            form.append(("scope", " ".join(flow.scopes)))
        form += [(item.key, item.value) for item in flow.endpoint_params]
        headers = [web.basic(client, secret)]
        async with (
            self._web.session(Who()) as session,
            session.post(url, data=form, headers=headers) as answer,
        ):
            if answer.status >= 300:
                text = f"oauth2: cannot fetch token: {web.status_line(answer)}"
                raise web.failure(text, answer)
            token = (await answer.json(content_type=None)).get("access_token")
        if not token:
            raise Permanent("oauth2: server response missing access_token")
        return self._credentials.masker.add(Secret(str(token).encode()))


def _url(where: Artifact) -> str:
    found = where.http if where.http is not None else where.artifactory
    if found is None:
        raise Permanent(f"artifact {where.name} is not behind a URL")
    if not found.url.startswith(("http://", "https://")):
        raise UserError(f"artifact {where.name}: {found.url!r} is not an http or https URL")
    return found.url
