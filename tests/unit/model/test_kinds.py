"""What kinds are called."""

from __future__ import annotations

import pytest

from tiphys.model.kinds import (
    KnownKind,
    find_kind,
    is_builtin,
    is_namespaced,
    named_after,
    plural,
    resource_name,
)

WORDS = {
    "cm": ("v1", "ConfigMap"),
    "ConfigMap": ("v1", "ConfigMap"),
    "pods": ("v1", "Pod"),
    "pods.v1.": ("v1", "Pod"),
    "jobs": ("batch/v1", "Job"),
    "jobs.batch": ("batch/v1", "Job"),
    "jobs.v1.batch": ("batch/v1", "Job"),
    "jobs.batch.volcano.sh": ("batch.volcano.sh/v1alpha1", "Job"),
    "jobs.v1alpha1.batch.volcano.sh": ("batch.volcano.sh/v1alpha1", "Job"),
    "vcjob": ("batch.volcano.sh/v1alpha1", "Job"),
    "wf": ("argoproj.io/v1alpha1", "Workflow"),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
    "things": ("x.io/v1", "Thing"),
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_names_a_kind(word):
    found = find_kind(word, (KnownKind("Thing", "x.io/v1"),))
    assert found is not None
    assert (found.api_version, found.kind) == WORDS[word]


def test_other_words_name_none():
    for word in ("nothing", "jobs.other", "things", ""):
        assert find_kind(word) is None


def test_resources_are_plurals_with_their_group():
    made = {kind: plural(kind) for kind in ("Policy", "Job", "Ingress", "Gateway", "Endpoints")}
    assert [*made.values()] == ["policies", "jobs", "ingresses", "gateways", "endpoints"]
    assert resource_name("v1", "Secret") == "secrets"
    assert resource_name("batch/v1", "Job") == "jobs.batch"


def test_what_is_known_of_kinds():
    assert is_builtin("v1")
    assert is_builtin("rbac.authorization.k8s.io/v1")
    assert not is_builtin("batch.volcano.sh/v1alpha1")
    assert not is_namespaced("v1", "Node")
    assert is_namespaced("x.io/v1", "Node")


def test_a_generated_name_is_short_enough_for_a_name():
    assert named_after("a-", b"\0\1\2\3\4") == "a-bcdfg"
    assert len(named_after("x" * 90, bytes(5))) == 63
