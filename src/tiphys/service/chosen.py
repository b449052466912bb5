"""Which stored objects a list is of: those that a label and a field selector match. Pure.

Source: the field labels that Kubernetes knows of every custom resource; reference/rest-api.md 10.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tiphys.errors import UserError
from tiphys.model.base import JsonObject
from tiphys.service.metadata import labels_of, name_of, namespace_of
from tiphys.service.selection import requirements

_TERM: Final = re.compile(r"(metadata\.namespace|metadata\.name)(==|!=|=)(.*)\Z")


def chosen(labels: str, fields: str) -> Callable[[JsonObject], bool]:
    """Return what tells whether a document is wanted.

    Raises UserError for a selector that cannot be read, or names what is not known.
    """
    terms = requirements(labels)
    tests = [_test(term) for term in filter(None, (part.strip() for part in fields.split(",")))]

    def is_wanted(document: JsonObject) -> bool:
        own = labels_of(document)
        return all(term.matches(own) for term in terms) and all(test(document) for test in tests)

    return is_wanted


def _test(term: str) -> Callable[[JsonObject], bool]:
    match = _TERM.match(term)
    if match is None:
        raise UserError(f"field label not supported: {term}")
    key, sign, value = match.groups()
    read = name_of if key == "metadata.name" else namespace_of
    return lambda document: (read(document) == value) == (sign != "!=")
