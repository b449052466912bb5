"""Go's ways to write strings: quoted literals (`strconv.Quote`) and JSON (`encoding/json`)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SHORT: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]*\Z")
_JSON_ODD: Final = re.compile('[\\x00-\\x1f"\\\\<>&\\u2028\\u2029\\ud800-\\udfff]')
_JSON_ODD_RAW: Final = re.compile('[\\x00-\\x1f"\\\\\\u2028\\u2029\\ud800-\\udfff]')
_JSON_SHORT: Final = {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    '"': '\\"',
    "\\": "\\\\",
}
SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_STRAY: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def is_printable(char: str) -> bool:
    """Return whether Go's `strconv.IsPrint` holds for one character."""
    return char == " " or unicodedata.category(char) not in _UNPRINTABLE


def quote_body(text: str) -> str:
    """Return `text` as the inside of a Go string literal.

    Source: Go strconv.Quote; language.md 2.3.
    """
    if _PLAIN.match(text):
        return text
    return "".join(_quote_char(char) for char in text)


def quote(text: str) -> str:
    """Return `text` as a Go string literal, double quotes included."""
    return f'"{quote_body(text)}"'


def _quote_char(char: str) -> str:
    short = _SHORT.get(char)
    if short is not None:
        return short
    if is_printable(char):
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_string(text: str, html: bool = True) -> str:
    """Return `text` as a JSON string the way Go writes it; `html` escapes `< > &` too.

    Source: Go encoding/json appendString.
    """
    odd = _JSON_ODD if html else _JSON_ODD_RAW
    return f'"{odd.sub(_json_char, text)}"' if odd.search(text) else f'"{text}"'


def _json_char(match: re.Match[str]) -> str:
    char = match.group()
    short = _JSON_SHORT.get(char)
    if short is not None:
        return short
    return "\\ufffd" if "\ud800" <= char <= "\udfff" else f"\\u{ord(char):04x}"


def to_bytes(text: str) -> bytes:
    """Return the bytes of a Go string; a surrogate that stands for no byte is U+FFFD."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _STRAY.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """Return a Go string from its bytes, which need not be UTF-8."""
    return data.decode("utf-8", "surrogateescape")


def trim_space(value: str) -> str:
    """Return the text without white space around it, as Go knows white space."""
    return value.strip(SPACES)
