"""What is refused at the door, and in whose words."""

from __future__ import annotations

import pytest

from tiphys.compile.workloads.admission import check
from tiphys.errors import Denied, InvalidDocument, Unsupported

CONTAINER = {"name": "c", "image": "busybox"}


def pods(policy="Never", **more):
    spec = {"restartPolicy": policy, "containers": [CONTAINER], **more}
    return {"spec": {key: value for key, value in spec.items() if value is not None}}


def job(**spec):
    document = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
    return {**document, "spec": {"template": pods(), **spec}}


def gang(*tasks, **spec):
    document = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job"}
    found = [*(tasks or (task(),))]
    return {**document, "metadata": {"name": "v"}, "spec": {"tasks": found, **spec}}


def task(name="w", **more):
    return {"name": name, "replicas": 1, "template": pods(), **more}


def denied(document):
    with pytest.raises(Denied) as caught:
        check(document)
    before, _, said = str(caught.value).partition(" denied the request: ")
    assert before == 'admission webhook "validatejob.volcano.sh"'
    return said


@pytest.mark.parametrize(
    "document",
    [
        job(),
        job(template=pods("OnFailure"), completions=3, parallelism=2),
        job(completionMode="Indexed", completions=2),
        gang(),
        gang(task("a"), task("b", dependsOn={"name": ["a"]}), minAvailable=1, plugins={"env": []}),
        gang(policies=[{"event": "PodEvicted", "action": "RestartJob"}]),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "spec": {"tasks": 3}},
    ],
)
def test_what_is_right_passes(document):
    check(document)


RESTART = 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"template": pods(None)}, RESTART),
        ({"template": pods("Always")}, RESTART),
        ({"template": pods(containers=[])}, "spec.template.spec.containers: Required value"),
        (
            {"template": pods(containers=[CONTAINER, {"name": "d"}])},
            "spec.template.spec.containers[1].image: Required value",
        ),
        (
            {"completionMode": "Indexed", "parallelism": 2},
            "spec.completions: Required value: when completion mode is Indexed",
        ),
    ],
)
def test_a_job_that_a_server_refuses_is_refused_in_its_words(spec, said):
    with pytest.raises(InvalidDocument) as caught:
        check(job(**spec))
    assert str(caught.value) == f'Job "j" is invalid: {said}'


@pytest.mark.parametrize(
    "spec",
    [
        {"successPolicy": {"rules": []}},
        {"podFailurePolicy": {"rules": [{"action": "Ignore"}]}},
    ],
)
def test_a_job_that_cannot_run_here_is_refused(spec):
    with pytest.raises(Unsupported, match=r'Job "j" cannot run here: .* by this version'):
        check(job(**spec))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (gang(minAvailable=-1), "job 'minAvailable' must be >= 0."),
        (
            gang(minAvailable=5),
            "job 'minAvailable' should not be greater than total replicas in tasks",
        ),
        (gang(plugins={"envv": []}), "unable to find job plugin: envv"),
        (gang(task("a"), task("a")), "duplicated task name a"),
        (
            gang(task(minAvailable=2), minAvailable=1),
            "'minAvailable' is greater than 'replicas' in task: w, job: v",
        ),
        (
            gang(task(template={"spec": {}})),
            "spec.task[0].template.spec.containers: Required value",
        ),
        (
            gang(task("a", dependsOn={"name": ["b"]}), task("b", dependsOn={"name": ["a"]})),
            "job has dependencies between tasks, but doesn't form a directed acyclic graph(DAG)",
        ),
        (
            gang(task("a", dependsOn={"name": ["nope"]})),
            "job has dependencies between tasks, but doesn't form a directed acyclic graph(DAG)",
        ),
    ],
)
def test_a_gang_that_the_webhook_refuses_is_refused_in_its_words(document, said):
    assert denied(document) == said


def test_no_tasks_are_named_before_anything_else():
    assert denied({**gang(), "spec": {"plugins": {"envv": []}}}) == "No task specified in job spec"


def test_everything_that_is_wrong_is_said_at_once():
    said = denied(gang(minAvailable=5, plugins={"envv": []}))
    assert said.split("; ")[1] == "unable to find job plugin: envv"


EVENTS = (
    "valid events are [* JobUpdated PodEvicted PodFailed PodPending PodRunning TaskCompleted "
    "TaskFailed Unknown], valid actions are [AbortJob CompleteJob RestartJob RestartPartition "
    "RestartPod RestartTask ResumeJob TerminateJob]"
)


def on(event=None, action="RestartJob", **more):
    return {"action": action, **({"event": event} if event else {}), **more}


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (
            [on("PodEvictd")],
            f'Invalid value: "PodEvictd": invalid policy event {EVENTS} '
            "(did you mean `PodEvicted`?)",
        ),
        (
            [on("PodFailed", "RestartJbo")],
            f'Invalid value: "RestartJbo": invalid policy action {EVENTS} '
            "(did you mean `RestartJob`?)",
        ),
        ([on("OutOfSync")], f'Invalid value: "OutOfSync": invalid policy event {EVENTS}'),
        ([on(events=["PodFailed", "x"])], f'Invalid value: "x": invalid policy event {EVENTS}'),
        (
            [on(None, "Nope", exitCode=3)],
            f'Invalid value: "Nope": invalid policy action {EVENTS}',
        ),
    ],
)
def test_misspelt_policies_are_refused_by_name_and_with_a_hint(policies, said):
    assert denied(gang(policies=policies)) == f"spec.policies: {said}"
    assert denied(gang(task(policies=policies))) == f"spec.tasks.policies: {said}"


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ([on("PodFailed", exitCode=1)], "must not specify event and exitCode simultaneously"),
        ([on()], "either event and exitCode should be specified"),
        ([on(exitCode=0)], "0 is not a valid error code"),
        ([on(exitCode=3), on(exitCode=3)], "duplicate exitCode 3"),
        (
            [on("PodFailed"), on(events=["PodFailed"])],
            "duplicate event PodFailed  across different policy",
        ),
        ([on("*"), on("PodFailed")], "if there's * here, no other policy should be here"),
    ],
)
def test_policies_that_contradict_each_other_are_refused(policies, said):
    assert denied(gang(policies=policies)) == said


@pytest.mark.parametrize("size", [None, 0, -1, "2"])
def test_partitions_without_a_size_are_refused(size):
    given = {"totalPartitions": 2, **({} if size is None else {"partitionSize": size})}
    said = denied(gang(task(partitionPolicy=given)))
    assert said.startswith("spec.tasks[0].partitionPolicy.partitionSize: Invalid value: ")
    check(gang(task(partitionPolicy={"partitionSize": 1})))


def test_policies_that_differ_pass():
    check(gang(policies=[on(events=["PodFailed", "PodEvicted"]), on(exitCode=3), on("*")][:2]))
    check(gang(policies=[on("*"), on(exitCode=3)]))
    check(gang(task(policies=[on("PodFailed")]), policies=[on("PodFailed")]))
