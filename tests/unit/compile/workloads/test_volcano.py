"""Volcano Jobs: gangs, phases, policies."""

from __future__ import annotations

import pytest
from tests.unit.compile.workloads.cluster import BEGINNING, Cluster, template

from tiphys.compile.workloads import volcano


def task(name="w", replicas=2, policy="Never", **more):
    return {"name": name, "replicas": replicas, "template": template(policy), **more}


def job(*tasks, **spec):
    document = {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"tasks": [*(tasks or (task(),))], **spec},
    }
    return Cluster(volcano.decide, document).settle()


def phase(made):
    return made.status["state"]["phase"]


def phases(made):
    return [item["status"] for item in made.status["conditions"]]


def pods(made):
    return made.pods.items()


def env(made, name):
    return {
        item["name"]: item["value"]
        for item in made.pods[name]["spec"]["containers"][0].get("env", [])
    }


def test_a_gang_runs_and_is_completed():
    made = job()
    assert (phase(made), made.live) == ("Pending", ["j-w-0", "j-w-1"])
    assert made.status["pending"] == 2
    made.begin("j-w-0").settle()
    assert phase(made) == "Pending"
    made.begin("j-w-1").settle()
    assert (phase(made), made.status["running"]) == ("Running", 2)
    assert made.status["taskStatusCount"] == {"w": {"phase": {"Running": 2}}}
    made.later(75).end("j-w-0").end("j-w-1").settle()
    assert phases(made) == ["Pending", "Running", "Completed"]
    assert (made.status["succeeded"], made.status["minAvailable"]) == (2, 2)
    assert made.status["runningDuration"] == "1m15s"
    assert "running" not in made.status
    assert made.is_over


def test_defaults_are_those_of_volcano():
    spec = job({"template": template(), "replicas": 3}).job["spec"]
    assert spec["tasks"][0]["name"] == "default0"
    chosen = ("minAvailable", "queue", "schedulerName", "maxRetry")
    assert [spec[key] for key in chosen] == [3, "default", "volcano", 3]


@pytest.mark.parametrize(
    ("spec", "codes", "end"),
    [
        ({"minAvailable": 1}, (0, 1), "Completed"),
        ({"minAvailable": 2}, (0, 1), "Failed"),
        ({"minAvailable": 1}, (1, 1), "Failed"),
        ({"minAvailable": 1, "minSuccess": 1}, (0, 1), "Completed"),
        ({"minAvailable": 1, "minSuccess": 2}, (0, 1), "Failed"),
        ({"minAvailable": 1, "minSuccess": 2}, (0, 0), "Completed"),
        ({}, (0, 1), "Failed"),
    ],
)
def test_the_end_follows_from_who_succeeded(spec, codes, end):
    made = job(**spec).begin().settle()
    for index, code in enumerate(codes):
        made.end(f"j-w-{index}", code)
    made.settle()
    assert phase(made) == end


def test_a_task_with_a_minimum_of_its_own_must_reach_it():
    made = job(task("a", 1, minAvailable=1), task("b", 1)).begin().settle()
    made.end("j-a-0", 1).end("j-b-0").settle()
    assert phase(made) == "Failed"


def test_enough_successes_complete_a_job_whatever_else_runs():
    made = job(minSuccess=1).begin().settle().end("j-w-0").settle()
    assert (phase(made), made.live) == ("Completed", [])


def test_pods_know_their_index_and_their_peers():
    made = job(task("ps", 1), task("my-worker"), plugins={"env": [], "svc": []})
    assert env(made, "j-my-worker-1") == {
        "VC_TASK_INDEX": "1",
        "VK_TASK_INDEX": "1",
        "VC_PS_HOSTS": "j-ps-0.j",
        "VC_PS_NUM": "1",
        "VC_MY_WORKER_HOSTS": "j-my-worker-0.j,j-my-worker-1.j",
        "VC_MY_WORKER_NUM": "2",
    }
    spec = made.pods["j-ps-0"]["spec"]
    assert (spec["hostname"], spec["subdomain"]) == ("j-ps-0", "j")
    beside = {item["kind"]: item for item in made.others}
    assert beside["PodGroup"]["spec"] == {"minMember": 3, "queue": "default"}
    assert beside["ConfigMap"]["data"] == {
        "ps.host": "j-ps-0.j",
        "my_worker.host": "j-my-worker-0.j\nj-my-worker-1.j",
    }
    assert made.status["controlledResources"] == {"plugin-env": "env", "plugin-svc": "svc"}


def test_a_task_waits_for_those_it_depends_on():
    made = job(task("a"), task("b", 1, dependsOn={"name": ["a"]}), minAvailable=1)
    assert made.live == ["j-a-0", "j-a-1"]
    made.begin("j-a-0").settle()
    assert "j-b-0" not in made.pods
    made.begin("j-a-1").settle()
    assert "j-b-0" in made.live


def on(event, action, **more):
    return {"policies": [{"event": event, "action": action, **more}]}


def test_a_restart_begins_with_new_pods_when_the_old_ones_are_gone():
    made = job(**on("PodFailed", "RestartJob")).begin().settle()
    made.end("j-w-0", 1).settle()
    assert (phase(made), made.live, made.status["retryCount"]) == ("Restarting", [], 1)
    assert made.status["terminating"] == 2
    made.collect().settle()
    assert (phase(made), len(made.made)) == ("Pending", 4)
    made.begin().settle().end("j-w-0").end("j-w-1").settle()
    assert phase(made) == "Completed"
    assert (made.status["retryCount"], made.status["version"]) == (1, 1)


def test_a_job_that_was_restarted_too_often_has_failed():
    made = job(maxRetry=1, **on("PodFailed", "RestartJob")).begin().settle()
    made.end("j-w-0", 1).settle()
    assert (phase(made), made.live) == ("Failed", [])


def test_restarts_stop_at_the_limit_of_three():
    made = job(**on("PodFailed", "RestartJob"))
    for _ in range(3):
        made.collect().settle().begin().settle().end("j-w-0", 1).settle()
    assert (phase(made), made.status["retryCount"]) == ("Failed", 3)


def test_only_the_pods_meant_are_restarted():
    made = job(task("a", 1), **on("PodFailed", "RestartPod")).begin().settle()
    first = job(task("a", 2), task("b", 1), **on("PodFailed", "RestartTask")).begin().settle()
    first.end("j-a-0", 1).settle()
    assert first.live == ["j-b-0"]
    first.collect().settle()
    assert sorted(first.live) == ["j-a-0", "j-a-1", "j-b-0"]
    made.end("j-a-0", 1).settle().collect().settle()
    assert made.made == ["j-a-0", "j-a-0"]


def test_only_the_partition_of_the_pod_is_restarted():
    policy = {"totalPartitions": 2, "partitionSize": 2}
    several = task("a", 4, partitionPolicy=policy), task("b", 2, partitionPolicy=policy)
    made = job(*several, **on("PodFailed", "RestartPartition")).begin().settle()
    near = {name: pod["metadata"]["labels"]["volcano.sh/partition-id"] for name, pod in pods(made)}
    assert list(near.values()) == ["0", "0", "1", "1", "0", "0"]
    made.end("j-a-3", 1).settle()
    assert (phase(made), made.live) == ("Restarting", ["j-a-0", "j-a-1", "j-b-0", "j-b-1"])
    made.collect().settle().begin().settle()
    assert made.made[6:] == ["j-a-2", "j-a-3"]
    for name, _ in pods(made):
        made.end(name)
    assert (phase(made.settle()), made.status["retryCount"]) == ("Completed", 1)


def test_a_task_without_partitions_is_one():
    made = job(task("a"), task("b"), **on("PodFailed", "RestartPartition")).begin().settle()
    assert not any("volcano.sh/partition-id" in pod["metadata"]["labels"] for _, pod in pods(made))
    made.end("j-a-0", 1).settle()
    assert made.live == ["j-b-0", "j-b-1"]


def test_a_command_restarts_every_partition():
    made = job(task(replicas=4, partitionPolicy={"partitionSize": 2})).begin().settle()
    assert made.settle(command="RestartPartition").live == []


def test_a_task_in_partitions_may_be_followed_when_enough_of_them_run():
    policy = {"totalPartitions": 2, "partitionSize": 2, "minPartitions": 1}
    first = task("a", 4, partitionPolicy=policy)
    made = job(first, task("b", 1, dependsOn={"name": ["a"]}), minAvailable=1)
    made.begin("j-a-0").settle()
    assert "j-b-0" not in made.pods
    made.begin("j-a-1").settle()
    assert "j-b-0" in made.pods


@pytest.mark.parametrize(
    ("action", "between", "end"),
    [
        ("AbortJob", "Aborting", "Aborted"),
        ("TerminateJob", "Terminating", "Terminated"),
        ("CompleteJob", "Completing", "Completed"),
    ],
)
def test_an_action_ends_the_job_once_nothing_runs(action, between, end):
    made = job(**on("PodFailed", action)).begin().settle().end("j-w-0", 1).settle()
    assert (phase(made), made.live) == (between, [])
    made.collect().settle()
    assert phase(made) == end
    assert [*made.pods] == ["j-w-0"]


def test_a_master_that_completes_its_task_completes_the_job():
    master = task("master", 1, policies=[{"event": "TaskCompleted", "action": "CompleteJob"}])
    made = job(master, task("worker", 2)).begin().settle().end("j-master-0").settle()
    assert (phase(made), made.live) == ("Completing", [])
    made.collect().settle()
    assert phase(made) == "Completed"


def test_an_exit_code_may_have_a_policy():
    policies = [{"exitCode": 3, "action": "AbortJob"}]
    made = job(policies=policies, minAvailable=1).begin().settle().end("j-w-0", 4).settle()
    assert phase(made) == "Running"
    made.end("j-w-1", 3).collect().settle()
    assert phase(made) == "Aborted"


def test_a_pod_that_vanished_was_evicted():
    made = job(**on("PodEvicted", "TerminateJob")).begin().settle().end("j-w-0", 1).settle()
    assert phase(made) == "Running"
    made.lose("j-w-1").settle()
    assert phase(made) == "Terminated"


def test_a_policy_with_a_timeout_waits():
    made = job(**on("PodPending", "AbortJob", timeout="30s"))
    assert (phase(made), made.wake_at) == ("Pending", BEGINNING + 30)
    made.later(30).settle()
    assert phase(made) == "Aborting"
    other = job(**on("PodPending", "AbortJob", timeout="30s")).begin().later(60).settle()
    assert phase(other) == "Running"


def test_the_policies_of_a_task_go_before_those_of_the_job():
    own = task("a", 1, policies=[{"event": "PodFailed", "action": "AbortJob"}])
    made = job(own, **on("*", "TerminateJob", timeout="1h")).begin().settle()
    made.end("j-a-0", 1).settle()
    assert phase(made) == "Aborted"


def test_a_task_fails_when_a_pod_was_restarted_too_often():
    made = job(task("a", 1, "OnFailure", maxRetry=2), **on("TaskFailed", "TerminateJob"))
    made.begin().settle().end("j-a-0", 1).settle()
    assert phase(made) == "Running"
    made.end("j-a-0", 1).settle().collect().settle()
    assert phase(made) == "Terminated"


def test_an_aborted_job_can_be_resumed():
    made = job(**on("PodFailed", "AbortJob")).begin().settle().end("j-w-0", 1).settle()
    made.collect().settle()
    assert phase(made) == "Aborted"
    made.settle(command="ResumeJob").collect().settle()
    assert (phase(made), made.status["retryCount"]) == ("Pending", 1)
    assert sorted(made.live) == ["j-w-0", "j-w-1"]


def test_a_person_may_command_an_action():
    made = job().begin().settle().settle(command="TerminateJob").collect().settle()
    assert phase(made) == "Terminated"


def test_a_job_is_deleted_when_its_time_to_live_is_over():
    made = job(ttlSecondsAfterFinished=5).begin().settle().end("j-w-0").end("j-w-1").settle()
    assert made.wake_at == BEGINNING + 5
    made.later(5).settle()
    assert made.is_gone


@pytest.mark.parametrize(
    ("tasks", "spec", "said"),
    [
        ((task(), task()), {}, "duplicated task name w"),
        ((), {"minAvailable": 3}, "should not be greater than total replicas"),
        ((), {"plugins": {"gpu": []}}, "unable to find job plugin: gpu"),
        ((), {"policies": [{"event": "*", "exitCode": 1}]}, "simultaneously"),
        ((task("a", dependsOn={"name": ["a"]}),), {}, "acyclic graph"),
    ],
)
def test_what_the_webhook_would_refuse_has_failed(tasks, spec, said):
    made = job(*tasks, **spec)
    assert (phase(made), made.made) == ("Failed", [])
    assert said in made.status["state"]["message"]
