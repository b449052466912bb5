"""No fault hides another one, and none brings another one: two rules broken at once are both said.

The documents of rule_rows.py are laid over each other, two at a time, where their templates are of
one kind; parameters, artifacts and metrics of one name are told apart.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import yaml
from tests.unit.compile.rule_rows import ROWS
from tests.unit.compile.test_rules import check

Json = Any
KINDS = {"container", "containerSet", "steps", "script", "resource", "dag", "suspend", "http"} | {
    "plugin"
}
NAMED = ("parameters", "artifacts", "prometheus")
CURED = {"W2b", "W7", "C2", "C7"}
"""What they miss, or forbid, any other document brings along."""
DEPENDENT = {
    ("T1", "T2 T6 T6b T7 T13 T14 T16 O4 O5 O11 O12 O13"): "what holds depends on the kind",
    ("T3", "T12"): "the braces of the JSON close the tag, in Argo as well",
    ("L6", "O11"): "the other container set has a main",
    ("L14", "O11"): "the other script has an image",
    ("L12", "L11 L13"): "both have a manifest: that is one fault more",
    ("L13", "L12"): "both have a manifest: that is one fault more",
    ("D1", "D3 D5 D7 D8"): "the styles of both together are mixed: D4",
    ("D3", "D5 D7 D8"): "the styles of both together are mixed: D4",
    ("D14", "D1 D4 D5 D7 D8"): "the other one's dependency is the missing one",
    ("D8", "D11"): "the other task has a loop",
}
EXCEPT = {frozenset((one, other)) for one, others in DEPENDENT for other in others.split()}


class Apart(Exception):
    """Two documents say different things of the same."""


def laid_over(one: Json, other: Json) -> Json:
    """Return both in one. Raises Apart."""
    if isinstance(one, dict) and isinstance(other, dict):
        kept = {key: value for key, value in other.items() if key not in one}
        both = {
            key: _named(value, other[key]) if key in NAMED else laid_over(value, other[key])
            for key, value in one.items()
            if key in other
        }
        return {**one, **both, **kept}
    if one == other:
        return one
    if isinstance(one, list) and isinstance(other, list) and _are_named([*one, *other]):
        found, added = _by_name(one), _by_name(other)
        for name, item in added.items():
            found[name] = laid_over(found[name], item) if name in found else item
        return [*found.values()]
    raise Apart


def _are_named(items: list[Json]) -> bool:
    return all(isinstance(item, dict) and "name" in item for item in items)


def _by_name(items: list[Json]) -> dict[str, Json]:
    found = {item["name"]: item for item in items}
    if len(found) < len(items):
        raise Apart
    return found


def _named(one: list[Json], other: list[Json]) -> list[Json]:
    """Return the entries of both; of one name there are two only where one document has two."""
    known, paths = {item.get("name") for item in one}, {item.get("path", "") for item in one}
    found = [*one]
    for item in other:
        name = item.get("name", "")
        if item not in one:
            path = {"path": f"{item['path']}2"} if item.get("path") in paths else {}
            found.append({**item, **path, "name": f"{name}2"} if name in known else item)
    return found


def is_mixed(document: Json) -> bool:
    """Say whether a template has several bodies."""
    templates = document.get("workflowSpec", document).get("templates", [])
    return any(len(KINDS.intersection(item)) > 1 for item in templates)


def both(one: Json, other: Json, may_mix: bool) -> Json:
    """Return a document with both faults. Raises Apart, also if one of them is cured by that."""
    found = laid_over(one, other)
    if found in (one, other) or (is_mixed(found) and not may_mix):
        raise Apart
    return found


def rows() -> list[tuple[str, str, Json]]:
    """Return one document for each rule: the rule, the kind and name, the spec."""
    found: dict[str, tuple[str, str, Json]] = {}
    for rule, kind, spec, message in ROWS:
        inner = rule.rpartition(">")[2]
        if message != "ok" and inner not in CURED:
            found.setdefault(rule, (inner, kind, yaml.safe_load(spec)))
    return [*found.values()]


FAULTS = rows()


def pairs(index: int) -> list[tuple[frozenset[str], str, Json]]:
    """Return what lies over the fault with that number: both rules, the kind, the document."""
    rule, kind, spec = FAULTS[index]
    found = []
    for other, kind_of_other, other_spec in FAULTS[index + 1 :]:
        pair = frozenset((rule, other))
        if kind.split()[0] != kind_of_other.split()[0] or pair in EXCEPT:
            continue
        with contextlib.suppress(Apart):
            document = both(spec, other_spec, "T1" in pair)
            found.append((pair, max(kind, kind_of_other, key=len), document))
    return found


@pytest.mark.parametrize("index", range(len(FAULTS)), ids=[item[0] for item in FAULTS])
def test_two_faults_are_both_found_and_nothing_else(index: int) -> None:
    for pair, kind, document in pairs(index):
        assert {item.rule for item in check(kind, json.dumps(document))} == pair, document


def test_most_faults_can_be_laid_over_many_others() -> None:
    assert sum(len(pairs(index)) for index in range(len(FAULTS))) > 1400
