"""The sprig functions, by name. Source: Masterminds/sprig 3.3.0; language.md 12."""

from __future__ import annotations

from typing import Final

from tiphys.expr.values import Value

SPRIG: Final[dict[str, Value]] = {}
