"""What a driver knows of Secrets: those of one namespace, by selector.

A Secret that is missing is not a missing artifact: `optional` inputs must not forgive it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tiphys.errors import NotFound, Permanent
from tiphys.model.meta import SecretKeySelector
from tiphys.model.secret import Masker, Secret, SecretReader


def no_secrets(namespace: str, name: str, key: str) -> bytes:
    """Raise NotFound: nobody said where Secrets are kept."""
    raise NotFound(f"there is no Secret {namespace}/{name} with a key {key}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Reads the Secrets of `namespace`; `masker` hears of each value that was read."""

    reader: SecretReader = no_secrets
    namespace: str = "default"
    masker: Masker = field(default_factory=Masker)

    def get(self, selector: SecretKeySelector | None) -> Secret | None:
        """Return the Secret that a selector names, None if it names none.

        Raises Permanent if there is no such Secret, unless the selector is optional.
        """
        if selector is None or not selector.name:
            return None
        try:
            value = self.reader(self.namespace, selector.name, selector.key)
        except NotFound as exc:
            if selector.optional:
                return None
            raise Permanent(f"secret {selector.name}, key {selector.key}: {exc}") from exc
        return self.masker.add(Secret(value))

    def text(self, selector: SecretKeySelector | None) -> str:
        """Return the Secret as text, "" if the selector names none."""
        found = self.get(selector)
        return found.text() if found is not None else ""
