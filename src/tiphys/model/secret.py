"""Secrets: values that cannot be printed by accident, and what hides them in texts.

Where secrets are kept, and who may read them, does not belong here.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Final, NoReturn
from urllib.parse import quote, quote_plus

HIDDEN: Final = "***"
_SHORTEST: Final = 4
"""Shorter values are words of every text: hiding them tells more than it hides."""

SecretReader = Callable[[str, str, str], bytes]
"""(namespace, name of the Secret, key) -> value. Raises NotFound."""


class Secret:
    """A value that only `reveal` and `text` show; every other way to see it shows `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the value."""
        return self._value

    def text(self) -> str:
        """Return the value as text, without the white space around it that editors leave."""
        return self._value.decode("utf-8", "replace").strip()

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


class Masker:
    """Knows the secrets that were read and replaces them in texts by `***`."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._longest_first: tuple[str, ...] = ()

    def add(self, secret: Secret) -> Secret:
        """Return the secret, from now on hidden as it is, quoted for URLs and JSON, in base 64."""
        value, text = secret.reveal(), secret.text()
        lines = text.splitlines() if "\n" in text else []
        encoded = {b64encode(value).decode(), b64encode(text.encode()).decode()}
        quoted = {quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]}
        forms = {text, *quoted, *encoded, *lines}
        self._forms |= {form for form in forms if len(form) >= _SHORTEST}
        self._longest_first = tuple(sorted(self._forms, key=len, reverse=True))
        return secret

    @property
    def is_needed(self) -> bool:
        """Whether it knows anything to hide."""
        return bool(self._forms)

    def mask(self, text: str) -> str:
        """Return the text with every known secret replaced."""
        for form in self._longest_first:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text
