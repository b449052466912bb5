"""Files that are one mapping of names to values: settings, parameters."""

from __future__ import annotations

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.codec import Document
from tiphys.model.yaml_reader import read_yaml


def read_mapping(content: bytes, file: str, what: str) -> Document:
    """Return the mapping in a file of YAML or JSON; that of an empty file is empty.

    `what` is what a message calls the file. Raises InvalidDocument.
    """
    try:
        located = read_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidDocument([Finding(f"{what} is no text in UTF-8", file)]) from None
    except InvalidDocument as exc:
        wrong = [Finding(f.reason, file, f.line, f.column, hint=f.hint) for f in exc.findings]
        raise InvalidDocument(wrong) from exc
    value = {} if located.value is None else located.value
    if not isinstance(value, dict):
        line, column = located.place(())
        found = "a list" if isinstance(value, list) else "a single value"
        hint = "write a line `name: value` for each"
        reason = f"{what} is a mapping of names to values, not {found}"
        raise InvalidDocument([Finding(reason, file, line, column, hint=hint)])
    return Document(value, file, located=located)
