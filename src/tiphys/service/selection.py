"""What a client may ask of a list, as a filter. Pure. Source: reference/rest-api.md 6.3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from tiphys.errors import UserError
from tiphys.expr.errors import SelectorError
from tiphys.expr.selectors import Requirement, parse_labels
from tiphys.ports_server import Filter, NameTest, Page

_TERM: Final = re.compile(r"(metadata\.namespace|metadata\.name)(==|!=|=)(.*)\Z")
_TIME: Final = re.compile(r"spec\.startedAt([<>])(.*)\Z")
_COUNT: Final = "ext.showRemainingItemCount=true"
_LONGEST: Final = 18
_SELECTOR_BYTES: Final = 16 << 10


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of a request for a list; `namespace` "" is all."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""
    name_filter: str = ""
    name_prefix: str = ""
    created_after: str = ""
    finished_before: str = ""
    limit: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted, and which part of it."""

    filter: Filter
    page: Page


def selection(asked: Asked, place: Literal["any", "live", "archived"] = "any") -> Selection:
    """Return what a request asks for. Raises UserError with Argo's texts."""
    namespace, excluded = asked.namespace, ""
    names: list[NameTest] = []
    after = before = None
    counts = False
    for term in filter(None, (part.strip() for part in asked.fields.split(","))):
        if term == _COUNT:
            counts = True
        elif match := _TERM.match(term):
            key, sign, value = match.groups()
            if key == "metadata.name":
                names.append(NameTest(_how(asked.name_filter, sign), value))
            elif sign == "!=":
                excluded = value
            else:
                namespace = _one_namespace(namespace, value)
        elif match := _TIME.match(term):
            at = instant(match[2])
            after, before = (at, before) if match[1] == ">" else (after, at)
        else:
            raise UserError(f"unsupported requirement {term}")
    if asked.name_prefix:
        names.append(NameTest("Prefix", asked.name_prefix))
    return Selection(
        Filter(
            namespace=None if excluded else (namespace or None),
            not_namespace=excluded,
            names=names,
            labels=requirements(asked.labels),
            created_after=_instant_or_none(asked.created_after),
            finished_before=_instant_or_none(asked.finished_before),
            started_after=after,
            started_before=before,
            place=place,
        ),
        Page(limit=checked_limit(asked.limit), before=token_number(asked.token), counts=counts),
    )


def requirements(text: str) -> tuple[Requirement, ...]:
    """Return a label selector's terms. Raises UserError."""
    if len(text) > _SELECTOR_BYTES:
        raise UserError("the label selector is too long")
    try:
        return parse_labels(text).requirements
    except SelectorError as exc:
        raise UserError(f"unable to parse requirement: {exc}") from exc


def watched(fields: str, namespace: str) -> tuple[str, str]:
    """Return the namespace and the name that a plain field selector asks for, "" for any.

    Raises UserError for what Kubernetes does not know.
    """
    name = ""
    for term in filter(None, (part.strip() for part in fields.split(","))):
        match = _TERM.match(term)
        if match is None or match[2] == "!=":
            raise UserError(f"field label not supported: {term}")
        if match[1] == "metadata.name":
            name = match[3]
        else:
            namespace = _one_namespace(namespace, match[3])
    return namespace, name


def token_number(token: str) -> int:
    """Return where a page begins. Raises UserError."""
    if not token:
        return 0
    if not re.fullmatch(r"-?[0-9]+", token, re.ASCII) or len(token) > _LONGEST:
        raise UserError("listOptions.continue must be int")
    if token.startswith("-"):
        raise UserError("listOptions.continue must >= 0")
    return int(token)


def instant(text: str) -> float:
    """Return an RFC 3339 time in epoch seconds. Raises UserError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UserError(f"{text!r} is no time as RFC 3339 writes it")
    return found.timestamp()


def _instant_or_none(text: str) -> float | None:
    return instant(text) if text else None


def checked_limit(given: int) -> int:
    """Return how long a page may be. Raises UserError."""
    if given < 0:
        raise UserError("listOptions.limit must >= 0")
    return given


def _how(name_filter: str, sign: str) -> Literal["Exact", "Contains", "Prefix", "NotEquals"]:
    if sign == "!=":
        return "NotEquals"
    match name_filter:
        case "" | "Exact":
            return "Exact"
        case "Contains" | "Prefix" | "NotEquals":
            return name_filter
        case _:
            raise UserError(
                f"nameFilter is Exact, Contains, Prefix or NotEquals, not {name_filter!r}"
            )


def _one_namespace(path: str, wanted: str) -> str:
    if path and wanted and path != wanted:
        raise UserError(
            f"'namespace' query param (\"{path}\") and fieldselector 'metadata.namespace' "
            f'("{wanted}") are both specified and contradict each other'
        )
    return path or wanted
