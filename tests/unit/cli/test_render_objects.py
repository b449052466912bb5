"""Objects as text: the list, one with its pods, and what is said of those that go on."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from tiphys.cli.objects import deleted, listed, named, one, types_of
from tiphys.cli.render import Style
from tiphys.cli.render.left import left_lines
from tiphys.cli.render.objects import render_object, render_objects
from tiphys.model.base import API_VERSION
from tiphys.model.makers import Maker, marked

NOW = datetime(2026, 1, 31, 11, 0, tzinfo=UTC).timestamp()
STYLE = Style(zone=UTC)


def thing(version, kind, name, status, **spec):
    metadata = {"name": name, "namespace": "team", "creationTimestamp": "2026-01-31T10:57:00Z"}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def failed(name):
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": "DeadlineExceeded",
        "message": "m\nn",
    }
    return thing("batch/v1", "Job", name, {"conditions": [condition]})


TRAIN = marked(
    thing("batch/v1", "Job", "train", {"active": 1, "succeeded": 1}, completions=3),
    Maker("learn", "u"),
)
GANG = thing("batch.volcano.sh/v1alpha1", "Job", "gang", {"state": {"phase": "Running"}})
GANG["metadata"]["ownerReferences"] = [
    {"apiVersion": API_VERSION, "kind": "Workflow", "name": "learn", "uid": "u"}
]
CHILD = marked(thing(API_VERSION, "Workflow", "inner", {"phase": "Running"}), Maker("learn", "u"))


def test_a_list_has_a_line_for_each():
    assert render_objects([TRAIN, failed("old")], NOW, wide=False, namespaces=False) == (
        "NAME              STATUS    PODS   WORKFLOW   AGE\n"
        "job.batch/train   Running   1/3    learn      3m\n"
        "job.batch/old     Failed    0/1               3m\n"
    )


def test_a_wide_list_says_more_and_one_of_all_namespaces_where():
    assert render_objects([GANG, failed("old")], NOW, wide=True, namespaces=True) == (
        "NAMESPACE   NAME                        STATUS    PODS   WORKFLOW   AGE   OWNED   "
        "MESSAGE\n"
        "team        job.batch.volcano.sh/gang   Running   0/0    learn      3m    yes     \n"
        "team        job.batch/old               Failed    0/1               3m    no      "
        "DeadlineExceeded: m n\n"
    )


def test_an_object_is_shown_with_its_pods():
    crashed = {"name": "c", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    pods = [
        thing("v1", "Pod", "gang-w-0", {"phase": "Running", "containerStatuses": [crashed]}),
        thing("v1", "Pod", "gang-w-1", {"phase": "Failed", "message": "main: exit 3"}),
    ]
    assert render_object(GANG, pods, NOW, STYLE) == (
        "Name:                gang\n"
        "Namespace:           team\n"
        "Kind:                Job (batch.volcano.sh/v1alpha1)\n"
        "Workflow:            learn (which owns it: it is deleted with it)\n"
        "Status:              Running\n"
        "Created:             Sat Jan 31 10:57:00 +0000 (3 minutes ago)\n"
        "Succeeded:           0/0 pods\n"
        "\n"
        "POD        STATUS             RESTARTS   AGE   MESSAGE\n"
        "gang-w-0   CrashLoopBackOff   2          3m    \n"
        "gang-w-1   Failed             0          3m    main: exit 3\n"
    )
    assert render_object({"apiVersion": "v1", "kind": "Odd", "metadata": {}}, [], NOW, STYLE) == (
        "Kind:                Odd (v1)\n"
    )


def test_names_are_what_other_verbs_take():
    text = listed([TRAIN, GANG], "name", False)
    assert text == "job.batch/train\njob.batch.volcano.sh/gang\n"
    assert named(text.split()) == [("job.batch", "train"), ("job.batch.volcano.sh", "gang")]
    assert deleted(TRAIN, False) == 'job.batch "train" deleted\n'
    assert deleted(GANG, True) == 'job.batch.volcano.sh "gang" deleted (dry-run)\n'


def test_words_name_objects():
    assert named(["job", "a", "b"]) == [("job", "a"), ("job", "b")]
    assert one(["pod/a"]) == ("pod", "a")
    assert types_of(["job,pod", "cm"]) == ["job", "pod", "cm"]


@pytest.mark.parametrize("words", [[], ["job"], ["job/"], ["/a"], ["job/a", "b"], ["job/a/b"]])
def test_words_that_name_none_are_refused(words):
    with pytest.raises(click.UsageError):
        named(words)


def test_one_object_is_one():
    with pytest.raises(click.UsageError, match="name one object"):
        one(["job", "a", "b"])


def test_what_goes_on_is_said_with_the_ways_to_end_it():
    assert [*left_lines("learn", "default", [TRAIN, GANG, CHILD])] == [
        "learn: job.batch/train is still at work; `tiphys objects logs job.batch/train` shows what "
        "it writes, `tiphys objects delete job.batch/train` ends it",
        "learn: job.batch.volcano.sh/gang is still at work, until learn is deleted; "
        "`tiphys objects logs job.batch.volcano.sh/gang` shows what it writes, "
        "`tiphys objects delete job.batch.volcano.sh/gang` ends it",
        "learn: workflow.argoproj.io/inner is still at work; `tiphys get inner` shows it, "
        "`tiphys stop inner` ends it",
    ]


def test_of_many_the_first_are_named_and_how_all_are_found():
    lines = [*left_lines("learn", "team", [TRAIN] * 9)]
    assert len(lines) == 4
    assert lines[-1] == (
        "learn: 6 more are still at work; `tiphys objects ls --workflow learn -n team` shows all, "
        "`tiphys objects delete --workflow learn -n team` ends them"
    )
    assert lines[0].endswith("`tiphys objects delete job.batch/train -n team` ends it")
    assert len([*left_lines("learn", "team", [TRAIN] * 4)]) == 4
    assert [*left_lines("learn", "team", [])] == []
