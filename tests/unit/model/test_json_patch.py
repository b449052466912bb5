"""JSON Patch and JSON Merge Patch; the cases follow the appendices of RFC 6902 and RFC 7386."""

from __future__ import annotations

import pytest

from tiphys.model.json_patch import PatchFault, json_patch, merge_patch

GOOD = [
    ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
    ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
    ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": [2]}], {"a": [1, [2]]}),
    ({"a": 1}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
    ({"a": 1, "b": 2}, [{"op": "remove", "path": "/b"}], {"a": 1}),
    ({"a": [1, 2, 3]}, [{"op": "remove", "path": "/a/1"}], {"a": [1, 3]}),
    ({"a": 1}, [{"op": "replace", "path": "/a", "value": 2}], {"a": 2}),
    ({"a": [1, 2]}, [{"op": "replace", "path": "/a/0", "value": 3}], {"a": [3, 2]}),
    ({"a": {"x": 1}}, [{"op": "move", "from": "/a/x", "path": "/b"}], {"a": {}, "b": 1}),
    ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/2"}], {"a": [2, 3, 1]}),
    ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
    ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
    ({"a/b": 1, "m~n": 2}, [{"op": "remove", "path": "/a~1b"}], {"m~n": 2}),
    ({"~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"~1": 10}),
    ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ({"a": 1}, [], {"a": 1}),
]
BAD = [
    {"op": "add", "path": "/no/x", "value": 1},
    {"op": "add", "path": "/a/9", "value": 1},
    {"op": "add", "path": "/a/01", "value": 1},
    {"op": "add", "path": "/s/x", "value": 1},
    {"op": "add", "path": "/x"},
    {"op": "remove", "path": "/no"},
    {"op": "remove", "path": "/a/-"},
    {"op": "replace", "path": "/no", "value": 1},
    {"op": "move", "from": "/d", "path": "/d/e"},
    {"op": "copy", "from": "/no", "path": "/x"},
    {"op": "test", "path": "/s", "value": "other"},
    {"op": "odd", "path": "/a"},
    {"op": "add", "path": "a", "value": 1},
    "remove",
]


@pytest.mark.parametrize(("document", "patch", "wanted"), GOOD)
def test_a_patch_changes_a_copy(document, patch, wanted):
    before = repr(document)
    assert json_patch(document, patch) == wanted
    assert repr(document) == before


@pytest.mark.parametrize("operation", BAD)
def test_an_operation_that_does_not_fit_is_named(operation):
    document = {"a": [1], "s": "text", "d": {"e": 1}}
    good = {"op": "test", "path": "/s", "value": "text"}
    with pytest.raises(PatchFault, match=r"^operation 1 of the json patch: "):
        json_patch(document, [good, operation])


def test_a_patch_is_a_list():
    with pytest.raises(PatchFault):
        json_patch({}, {"op": "add"})


@pytest.mark.parametrize(
    ("document", "patch", "wanted"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, None, None),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        (["a"], {"b": 1}, {"b": 1}),
    ],
)
def test_a_merge_patch_deletes_what_is_null(document, patch, wanted):
    assert merge_patch(document, patch) == wanted
