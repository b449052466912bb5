"""Who created a workflow and who acted on it, as labels."""

from __future__ import annotations

import pytest

from tiphys.service.actors import Person, acted, creator_labels, label_value, named, noted

ANN = Person("ann|1", "ann@example.com", "Ann O")
W = "workflows.argoproj.io/"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("a|b c", "a-b-c"),
        ("--edge--", "edge"),
        ("x" * 10 + "y" * 63, "y" * 63),
        ("a" + "-" * 70 + "b", "b"),
        ("é", ""),
    ],
)
def test_a_label_value_is_safe_and_has_the_last_63_characters(text, value):
    assert label_value(text) == value


def test_a_creator_has_three_labels_and_nobody_has_none():
    assert creator_labels(ANN) == {
        f"{W}creator": "ann-1",
        f"{W}creator-email": "ann.at.example.com",
        f"{W}creator-preferred-username": "Ann-O",
    }
    assert creator_labels(None) == {}


def test_whoever_acts_takes_the_place_of_who_acted_before():
    first = acted({"mine": "1"}, ANN, "Stop")
    assert first[f"{W}action"] == "Stop"
    second = acted(first, Person("bob"), "")
    assert second == {"mine": "1", f"{W}actor": "bob"}
    assert acted(second, None, "Resume") == {"mine": "1"}


def test_what_is_noted_takes_away_what_a_workflow_came_with():
    own = {"mine": "1", f"{W}actor": "ann", f"{W}actor-email": "a", f"{W}action": "Stop"}
    assert noted(own, Person("bob"), "") == {
        f"{W}actor": "bob",
        f"{W}actor-email": None,
        f"{W}action": None,
    }
    assert noted({"mine": "1"}, None, "Stop") == {}


def test_a_person_is_named_as_go_prints_a_map():
    assert named(ANN) == "map[Email:ann@example.com PreferredUsername:Ann O User:ann|1]"
    assert named(Person("bob")) == "map[User:bob]"
    assert named(None) == ""
