"""Reading what users name: files, URLs, standard input."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tiphys.errors import Finding, InvalidDocument

if TYPE_CHECKING:
    from tiphys.service.documents import Source

_URL_SECONDS = 30
_MAX_BYTES = 64 * 1024 * 1024


def read_sources(files: Iterable[str]) -> list[Source]:
    """Return the content of files, URLs and standard input ("-"). Raises InvalidDocument."""
    from tiphys.service.documents import Source

    found, findings = [], []
    for file in files:
        name = "stdin" if file == "-" else file
        try:
            found.append(Source(name, _content(file)))
        except InvalidDocument as exc:
            findings += exc.findings
    if findings:
        raise InvalidDocument(findings)
    return found


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    if file.startswith(("http://", "https://")):
        return _download(file)
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError as exc:
        hints = {
            errno.ENOENT: "check the path",
            errno.EISDIR: "name the files in it; only `lint` takes directories",
            errno.EACCES: "you may not read it",
        }
        reason = (exc.strerror or str(exc)).lower()
        finding = Finding(reason, file=file, hint=hints.get(exc.errno or 0, ""))
        raise InvalidDocument([finding]) from exc


def _download(url: str) -> bytes:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=_URL_SECONDS) as answer:  # noqa: S310 - the scheme was checked
            content: bytes = answer.read(_MAX_BYTES + 1)
    except (URLError, OSError, ValueError) as exc:
        raise InvalidDocument([Finding(f"cannot be fetched: {exc}", file=url)]) from exc
    if len(content) > _MAX_BYTES:
        raise InvalidDocument([Finding("is larger than 64 MiB", file=url)])
    return content
