"""The `jsonpath()` function's dialect. Source: language.md 14.3 (evilmonkeyinc/jsonpath)."""

from __future__ import annotations

from tiphys.expr.errors import JsonPathError
from tiphys.expr.values import Value


def query(document: Value, path: str) -> Value:
    """Return what the path selects in the document; raises JsonPathError."""
    raise JsonPathError(f"jsonpath is not supported yet: {path} in {type(document).__name__}")
