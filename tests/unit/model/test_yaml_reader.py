"""YAML is read as Go's reader reads it, and nothing but InvalidDocument comes out."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiphys.errors import InvalidDocument
from tiphys.model.codec import decode, split_documents
from tiphys.model.yaml_reader import read_yaml
from tiphys.model.yaml_scalars import json_integer

CORPUS = Path(__file__).resolve().parents[4] / "shared/conformance/language/yaml.jsonl"


def vectors():
    if not CORPUS.exists():
        return []
    found = []
    for line in CORPUS.read_text(encoding="utf-8").rstrip("\n").split("\n"):
        row = json.loads(line)
        pieces = row["yaml"].split("\n---")
        parts = row.get("documents", [row])
        if row.get("mode") != "split":
            pieces = [row["yaml"]]
        found += [
            pytest.param(text, part, id=f"{row['id']}-{index}")
            for index, (text, part) in enumerate(zip(pieces, parts, strict=True))
            if not part.get("skipped")
        ]
    return found


def strict_error(located):
    lines = [f'line {x.place[0]}: key "{x.key}" already set in map' for x in located.duplicates]
    return "\n  ".join(["yaml: unmarshal errors:", *lines]) if lines else None


@pytest.mark.parametrize(("text", "expected"), vectors())
def test_reads_what_go_reads(text, expected):
    if "error" in expected:
        with pytest.raises(InvalidDocument) as caught:
            read_yaml(text)
        assert caught.value.findings[0].reason == expected["message"]
        return
    located = read_yaml(text)
    wanted = json.loads(expected["json"], parse_int=json_integer)
    assert json.dumps(located.value, sort_keys=True) == json.dumps(wanted, sort_keys=True)
    assert strict_error(located) == expected.get("strict_error")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("a", "b"), (2, 6)),
        (("l", 1), (5, 5)),
        (("l", 1, "x"), (5, 9)),
        (("l", 1, "gone"), (5, 5)),
        (("nowhere",), (1, 1)),
    ],
)
def test_knows_where_a_value_stands(path, place):
    assert read_yaml("a:\n  b: 1\nl:\n  - 1\n  - {x: 2}").place(path) == place


def test_members_of_an_alias_stand_at_the_anchor():
    located = read_yaml("a: &x {k: 1}\nb: *x\nc: {<<: *x}")
    assert located.place(("b", "k")) == (1, 11)
    assert located.place(("c", "k"), key=True) == (1, 8)


def test_a_place_in_a_later_document_counts_from_the_top_of_the_file():
    documents = split_documents("kind: A\n---\nkind: B\nx: 1\n", "f")
    assert [item.place(("kind",)) for item in documents] == [(1, 7), (3, 7)]


def test_a_key_too_large_for_a_short_float_is_infinite():
    assert read_yaml("3" * 44 + ": 1").value == {".inf": 1}
    assert read_yaml("-" + "3" * 44 + ": 1").value == {"-.inf": 1}


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        inner = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{inner}]")
    with pytest.raises(InvalidDocument, match="excessive aliasing"):
        read_yaml("\n".join(lines))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_very_deep_nesting_is_refused(opening):
    with pytest.raises(InvalidDocument, match="max depth"):
        read_yaml(opening * 20000)


def test_an_unquoted_tag_says_to_quote_it():
    with pytest.raises(InvalidDocument) as caught:
        read_yaml("v: {{inputs.parameters.x}}")
    assert 'quote a value that begins with "{{"' in caught.value.findings[0].hint


@settings(deadline=None)
@given(st.text() | st.text(alphabet="abk:-[]{}*&!|>'\"\n #?%@,<=~01.\t\\"))
def test_any_text_reads_or_is_an_invalid_document(text):
    with suppress(InvalidDocument):
        for document in split_documents(text):
            decode(document)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_read_or_are_an_invalid_document(data):
    with suppress(InvalidDocument):
        split_documents(data)


def test_ten_megabytes_take_seconds():
    item = "- {name: task-%d, template: echo, depends: 'a && b'}\n"
    text = "".join(item % index for index in range(20_000))
    value = read_yaml(text).value
    assert isinstance(value, list)
    assert len(value) == 20_000
