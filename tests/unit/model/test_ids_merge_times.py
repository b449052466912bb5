"""Ids follow from names; patches lay over documents; times have one form."""

import pytest

from tiphys.model.ids import fnv1a, node_id, pod_name
from tiphys.model.merge import POD_KEYS, strategic_merge
from tiphys.model.times import normal_time, time_seconds, time_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("demo[0]", 3919527336),
        ("demo[0].say", 383039133),
        ("demo.A(0:x)", 976645720),
        ("demo.onExit", 1599854481),
        ("appr-promotion-ffsv4.app1.wait-approval", 3235686597),
    ],
)
def test_fnv_agrees_with_the_reference(text, value):
    assert fnv1a(text) == value


def test_the_root_nodes_id_is_the_workflows_name():
    assert node_id("hello", "hello") == "hello"
    assert node_id("hello", "hello[0].a") == "hello-2217536542"


def test_pod_names_carry_the_template():
    assert pod_name("demo", "demo", "t") == "demo"
    assert pod_name("demo", "demo[0].say", "t") == "demo-t-383039133"
    assert pod_name("demo", "demo[0].say", "") == "demo-383039133"


def test_the_patch_wins_and_null_deletes():
    base = {"a": 1, "b": {"c": 2, "d": 3}, "l": [1, 2]}
    assert strategic_merge(base, {"a": None, "b": {"c": 4}, "l": [9]}) == {
        "b": {"c": 4, "d": 3},
        "l": [9],
    }
    assert base["a"] == 1


def test_lists_with_a_merge_key_merge_by_element():
    base = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    patch = {"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}
    assert strategic_merge(base, patch)["env"] == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "3"},
        {"name": "C", "value": "4"},
    ]


def test_tolerations_merge_in_workflows_and_are_replaced_in_pods():
    base, patch = {"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}
    assert len(strategic_merge(base, patch)["tolerations"]) == 2
    assert len(strategic_merge(base, patch, POD_KEYS)["tolerations"]) == 1


def test_directives_delete_and_replace():
    base = {"containers": [{"name": "a"}, {"name": "b"}], "x": {"y": 1}}
    patch = {
        "containers": [{"name": "a", "$patch": "delete"}],
        "x": {"$patch": "replace", "z": 2},
    }
    assert strategic_merge(base, patch, POD_KEYS) == {"containers": [{"name": "b"}], "x": {"z": 2}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.999-01:30", "2026-01-02T04:34:05Z"),
        ("2026-01-02", None),
        ("2026-13-02T03:04:05Z", None),
        ("0001-01-01T00:00:00+01:00", None),
    ],
)
def test_times_are_normalised(text, expected):
    assert normal_time(text) == expected


def test_times_count_from_1970():
    assert time_text(0) == "1970-01-01T00:00:00Z"
    assert time_text(1767323045.9) == "2026-01-02T03:04:05Z"
    assert time_seconds("2026-01-02T03:04:05Z") == 1767323045
    with pytest.raises(ValueError, match="RFC 3339"):
        time_seconds("yesterday")
