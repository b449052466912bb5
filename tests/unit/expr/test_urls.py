"""URLs as Go 1.26 reads them: `urls.json` has texts and what its net/url makes of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tiphys.expr.urls import UrlError, parse_url

VECTORS = json.loads((Path(__file__).parent / "urls.json").read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, str]:
    """Return what is not empty of a URL, or what is wrong with it."""
    try:
        return {name: value for name, value in parse_url(text)._asdict().items() if value}
    except UrlError as exc:
        return {"error": exc.message}


@pytest.mark.parametrize(("text", "wanted"), VECTORS)
def test_a_url_is_read_as_go_reads_it(text, wanted):
    assert parsed(text) == wanted


@pytest.mark.parametrize("address", ["::g", "v1.x", "::1%25"])
def test_what_stands_in_brackets_is_an_address(address):
    assert parsed(f"http://[{address}]")["error"].startswith(
        f'parse "http://[{address}]": invalid host: ParseAddr('
    )
