"""The flags of resource templates: what of kubectl's command line says which objects are meant.

Flags that change nothing on one machine are taken and have no effect; all others are refused by
name. Source: kubectl's own help; reference/engine.md 10.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tiphys.errors import Permanent
from tiphys.expr.errors import SelectorError
from tiphys.expr.labels import LabelSelector, parse_labels

_SHORT: Final = {"-l": "--selector", "-n": "--namespace", "-A": "--all-namespaces"}
_TEXTS: Final = frozenset({"--selector", "--namespace", "--field-selector"})
_SWITCHES: Final = frozenset({"--all", "--all-namespaces", "--ignore-not-found", "--wait"})
_IDLE_TEXTS: Final = frozenset({"--grace-period", "--timeout", "--field-manager", "--chunk-size"})
_IDLE_SWITCHES: Final = frozenset(
    {"--force", "--force-conflicts", "--now", "--overwrite", "--record", "--save-config"}
    | {"--server-side", "--validate", "--cascade"}
)
_LAX: Final = ("false", "ignore", "warn")
_FIELDS: Final = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Flags:
    """What the flags of a template say; `words` are the arguments without a dash."""

    words: tuple[str, ...] = ()
    selector: LabelSelector | None = None
    namespace: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    switches: frozenset[str] = field(default_factory=frozenset)
    is_strict: bool = True
    """Unknown fields are refused: `--validate` is not off, and no mere warning."""

    def has(self, switch: str) -> bool:
        """Return whether a switch is on."""
        return switch in self.switches


def parse_flags(flags: Sequence[str], action: str) -> Flags:
    """Return what a template's flags say. Raises Permanent for those that cannot be heeded."""
    words: list[str] = []
    texts: dict[str, str] = {}
    switches: set[str] = set() if "--wait=false" in flags else {"--wait"}
    rest = list(flags)
    while rest:
        name, equals, value = _split(rest.pop(0))
        if not name.startswith("-"):
            words.append(name)
        elif name in _TEXTS | _IDLE_TEXTS:
            if not equals and not rest:
                raise Permanent(f"error: flag needs an argument: {name}")
            texts[name] = value if equals else rest.pop(0)
        elif name in _SWITCHES | _IDLE_SWITCHES and _heeded(name, value, action):
            switches |= {name} if value != "false" else set()
        else:
            shown = f"{name}={value}" if equals else name
            raise Permanent(f"the kubectl flag {shown} is not supported for {action}")
    return Flags(
        words=tuple(words),
        selector=_labels(texts.get("--selector")),
        namespace=texts.get("--namespace", ""),
        fields=_fields(texts.get("--field-selector", "")),
        switches=frozenset(switches),
        is_strict=not any(f"--validate={value}" in flags for value in _LAX),
    )


def _split(word: str) -> tuple[str, bool, str]:
    """Return a flag's long name, whether it brings its value along, and that value."""
    if word[:2] in _SHORT and not word.startswith("--"):
        rest = word[2:].removeprefix("=")
        return _SHORT[word[:2]], bool(rest), rest
    if not word.startswith("-"):
        return word, False, ""
    name, equals, value = word.partition("=")
    return name, bool(equals), value


def _heeded(name: str, value: str, action: str) -> bool:
    """Return whether a switch with this value means here what it means in a cluster."""
    if name == "--force":
        return action != "replace" or value == "false"
    if name == "--cascade":
        return value in ("", "true", "background", "foreground")
    return True


def _labels(text: str | None) -> LabelSelector | None:
    try:
        return None if text is None else parse_labels(text)
    except SelectorError as exc:
        raise Permanent(f"error: {exc.message}") from exc


def _fields(text: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for term in text.split(",") if text else ():
        name, _, value = term.replace("==", "=").partition("=")
        if name not in _FIELDS:
            raise Permanent(
                f'the field selector "{term}" is not supported; there are '
                f"{' and '.join(_FIELDS)}, with ="
            )
        found.append((name.removeprefix("metadata."), value))
    return tuple(found)
