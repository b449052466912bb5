"""What a Kubernetes API server checks of every object's metadata, for engines without one.

Called when something is created, not by lint. Source: reference/validation.md 18 (last paragraph);
Kubernetes apimachinery pkg/api/validation and pkg/util/validation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tiphys.errors import Finding
from tiphys.model.codec import Document
from tiphys.model.decode import path_text
from tiphys.model.meta import ObjectMeta
from tiphys.model.shapes import Path

_SUBDOMAIN_TEXT: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_SUBDOMAIN: Final = re.compile(_SUBDOMAIN_TEXT + r"\Z")
_NAME_TEXT: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_NAME_PART: Final = re.compile(_NAME_TEXT + r"\Z")
_VALUE_TEXT: Final = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_VALUE: Final = re.compile(_VALUE_TEXT + r"\Z")
_BAD_SUBDOMAIN: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_SUBDOMAIN_TEXT}')"
)
_BAD_NAME: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    f"validation is '{_NAME_TEXT}')"
)
_BAD_VALUE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    f"or '12345', regex used for validation is '{_VALUE_TEXT}')"
)
_MAX_NAME: Final = 253
_MAX_LABEL: Final = 63
_MAX_ANNOTATIONS: Final = 256 * 1024


def validate_metadata(metadata: ObjectMeta, source: Document | None = None) -> list[Finding]:
    """Return what an API server would refuse about name, labels and annotations."""
    found = []
    for path, reason in _faults(metadata):
        line, column = source.place(path) if source is not None else (0, 0)
        file = source.file if source is not None else ""
        found.append(Finding(reason, file, line, column, path_text(path)))
    return found


def _faults(metadata: ObjectMeta) -> Iterator[tuple[Path, str]]:
    field = "name" if metadata.name else "generateName"
    name = metadata.name or metadata.generate_name
    path: Path = ("metadata", field)
    if not name:
        yield ("metadata",), "name or generateName is required"
    else:
        # A generated name goes on after its prefix, which may so end in a dash.
        whole = name if metadata.name else name.rstrip("-.") + "x"
        if not _SUBDOMAIN.match(whole):
            yield path, _invalid(path_text(path), name, _BAD_SUBDOMAIN)
        if len(name) > _MAX_NAME:
            yield path, _invalid(path_text(path), name, "must be no more than 253 characters")
    yield from _label_faults(metadata.labels)
    yield from _annotation_faults(metadata.annotations)


def _label_faults(labels: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for key, value in labels.items():
        path: Path = ("metadata", "labels", key)
        fault = _key_fault(key)
        if fault:
            yield path, _invalid("metadata.labels", key, fault)
        if len(value) > _MAX_LABEL:
            reason = f"must be no more than {_MAX_LABEL} characters"
            yield path, _invalid("metadata.labels", value, reason)
        if not _VALUE.match(value):
            yield path, _invalid("metadata.labels", value, _BAD_VALUE)


def _annotation_faults(annotations: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    size = 0
    for key, value in annotations.items():
        fault = _key_fault(key.lower())
        if fault:
            path: Path = ("metadata", "annotations", key)
            yield path, _invalid("metadata.annotations", key, fault)
        size += len(key.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace"))
    if size > _MAX_ANNOTATIONS:
        reason = f"metadata.annotations: Too long: may not be more than {_MAX_ANNOTATIONS} bytes"
        yield ("metadata", "annotations"), reason


def _key_fault(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if slash and not prefix:
        return "prefix part must be non-empty"
    if slash and not _SUBDOMAIN.match(prefix):
        return f"prefix part {_BAD_SUBDOMAIN}"
    if not name:
        return "name part must be non-empty"
    if len(name) > _MAX_LABEL:
        return f"name part must be no more than {_MAX_LABEL} characters"
    return "" if _NAME_PART.match(name) else _BAD_NAME


def _invalid(field: str, value: str, reason: str) -> str:
    return f'{field}: Invalid value: "{value}": {reason}'
