"""Pods: the job that a runtime is handed, and refusals."""

from __future__ import annotations

import pytest

from tiphys.compile.needs import Runtime
from tiphys.compile.workloads.pods import PodFault, begins_again_at, finished, job_of, started
from tiphys.messages import JobFinished
from tiphys.model.arguments import Outputs
from tiphys.model.ids import NodeId
from tiphys.runtime.simulated import ALL

ANY = Runtime("simulated", ALL)


def pod(*containers, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"containers": [*(containers or ({"name": "c", "image": "i"},))], **spec},
    }


def failed(seconds, code=1):
    return JobFinished(
        job=NodeId("u-0"),
        phase="Failed",
        message=f"main: Error (exit code {code})",
        outputs=Outputs(exit_code=str(code)),
        started_at=100.0,
        finished_at=100.0 + seconds,
    )


def test_the_job_is_known_by_the_pod_s_uid_and_the_attempt():
    first = job_of(pod(), ANY)
    assert (first.id, first.run, first.pod_name, first.namespace) == ("u-0", "u", "p", "n")
    crashed = finished(started(pod(restartPolicy="OnFailure"), 100.0), failed(1))
    assert job_of(crashed, ANY).id == "u-1"


def test_one_container_is_main_and_several_are_a_set():
    one = job_of(pod({"name": "c", "image": "i", "args": ["a"]}), ANY).template
    assert one.container is not None
    assert one.container.args == ("a",)
    several = job_of(pod({"name": "a", "image": "i"}, {"name": "b", "image": "i"}), ANY).template
    assert several.container_set is not None
    assert [item.name for item in several.container_set.containers] == ["a", "b"]


def test_a_pod_s_own_limits_are_the_job_s():
    made = job_of(pod(activeDeadlineSeconds=7, terminationGracePeriodSeconds=3), ANY)
    assert (made.deadline_seconds, made.grace_seconds) == (7.0, 3.0)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**pod(), "spec": {}}, "spec.containers: Required value"),
        (pod({"name": "c", "command": "no list"}), "Pod p is invalid"),
        (pod(volumes=[{"name": "v", "nfs": {}}]), "nfs volumes: the process runtime"),
    ],
)
def test_what_cannot_run_is_refused_by_name(document, said):
    with pytest.raises(PodFault, match=said):
        job_of(document, Runtime("process", ALL - {"volumes.nfs"}))


def test_pauses_between_attempts_double_up_to_five_minutes():
    made = started(pod(restartPolicy="OnFailure"), 100.0)
    pauses = []
    for _ in range(7):
        made = finished(made, failed(0))
        pauses.append((begins_again_at(made) or 0.0) - 100.0)
    assert pauses == [10, 20, 40, 80, 160, 300, 300]


def test_a_pod_past_its_deadline_is_not_begun_again():
    made = started(pod(restartPolicy="OnFailure", activeDeadlineSeconds=5), 100.0)
    assert finished(made, failed(5, 143))["status"]["phase"] == "Failed"


def test_a_pod_that_runs_waits_for_nothing():
    assert begins_again_at(started(pod(), 100.0)) is None
