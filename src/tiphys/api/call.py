"""One request, understood: path, query and body as values.

Source: reference/rest-api.md 2.2, 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from tiphys.errors import Finding, InvalidDocument, UserError
from tiphys.model.base import Json, JsonObject, Model
from tiphys.model.codec import convert
from tiphys.ports_server import Principal

if TYPE_CHECKING:
    from starlette.requests import Request

    from tiphys.api.services import Services

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_SNAKE: Final = re.compile(r"_([a-z0-9])")
_LONGEST_NUMBER: Final = 20


class Query:
    """The query of a request; empty values are absent, unknown names ignored."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take names as they come: `listOptions.limit`, `list_options.limit`."""
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if value:
                self._values.setdefault(_camel(name), []).append(value)

    def texts(self, name: str) -> Sequence[str]:
        """Return all values of a name."""
        return self._values.get(name, ())

    def text(self, name: str) -> str:
        """Return the last value of a name, "" if there is none."""
        return self._values[name][-1] if name in self._values else ""

    def flag(self, name: str) -> bool:
        """Return a boolean, False if it is absent. Raises UserError."""
        text = self.text(name)
        if text and text not in _TRUE | _FALSE:
            raise UserError(f"invalid value for {name}: {text!r} is no boolean")
        return text in _TRUE

    def number(self, name: str) -> int:
        """Return a whole number, 0 if it is absent; `1e+06` is one. Raises UserError."""
        text = self.text(name)
        if not text:
            return 0
        try:
            found = float(text) if "e" in text.lower() else int(text[: _LONGEST_NUMBER + 1])
            if len(text) > _LONGEST_NUMBER or found != int(found):
                raise ValueError(text)
        except (ValueError, OverflowError) as exc:
            raise UserError(f"invalid value for {name}: {text[:40]!r} is no whole number") from exc
        return int(found)


def _camel(name: str) -> str:
    return _SNAKE.sub(lambda match: match[1].upper(), name)


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON object; a key is found whatever its case if it is not there exactly."""

    value: JsonObject

    def get(self, name: str) -> Json:
        """Return a value, None if it is absent."""
        if name in self.value:
            return self.value[name]
        wanted = name.lower()
        return next((item for key, item in self.value.items() if key.lower() == wanted), None)

    def text(self, name: str) -> str:
        """Return a text, "" if it is absent. Raises UserError."""
        found = self.get(name)
        if found is None or isinstance(found, str):
            return found or ""
        raise UserError(f"invalid value for {name}: not a string")

    def flag(self, name: str) -> bool:
        """Return a boolean, False if it is absent. Raises UserError."""
        found = self.get(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        raise UserError(f"invalid value for {name}: not a boolean")

    def number(self, name: str) -> int | None:
        """Return a whole number, None if it is absent. Raises UserError."""
        found = self.get(name)
        if isinstance(found, bool) or not isinstance(found, int | None):
            raise UserError(f"invalid value for {name}: not a whole number")
        return found

    def texts(self, name: str) -> Sequence[str]:
        """Return a list of texts. Raises UserError."""
        found = self.get(name)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise UserError(f"invalid value for {name}: not a list of strings")
        return [str(item) for item in found]

    def part(self, name: str) -> Body:
        """Return an object inside, an empty one if it is absent. Raises UserError."""
        found = self.get(name)
        if found is None:
            return Body({})
        if not isinstance(found, dict):
            raise UserError(f"invalid value for {name}: not an object")
        return Body(found)

    def struct(self, name: str, kind: type[_Made], missing: Exception) -> _Made:
        """Return an object as a struct of the model. Raises `missing`, InvalidDocument."""
        found = self.get(name)
        if found is None:
            raise missing
        return convert(found, kind)


if TYPE_CHECKING:
    from typing import TypeVar

    _Made = TypeVar("_Made", bound=Model)


def read_body(data: bytes) -> Json:
    """Return a JSON body, an empty object for none. Raises InvalidDocument."""
    if not data.strip():
        return {}
    try:
        found: Json = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidDocument([Finding(f"the body is no JSON: {exc}")]) from exc
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be answered: who asks, for what, and what there is to answer with.

    `payload` is the body as it came, `body` what it holds if it is an object.
    """

    principal: Principal
    services: Services
    params: Mapping[str, str]
    query: Query
    request: Request
    payload: Json = None
    allows: Callable[[str, str, str], Awaitable[bool]] | None = field(default=None, repr=False)

    @property
    def body(self) -> Body:
        """Return the JSON object that was sent. Raises UserError if it is something else."""
        if self.payload is None:
            return Body({})
        if not isinstance(self.payload, dict):
            raise UserError("the body is not a JSON object")
        return Body(self.payload)

    @property
    def namespace(self) -> str:
        """Return the namespace in the path, "" for all."""
        return self.params.get("namespace", "")

    @property
    def name(self) -> str:
        """Return the name in the path."""
        return self.params.get("name", "")
