"""A world for decisions about objects: carries `Step`s out, and lets pods begin and end as told."""

from __future__ import annotations

import copy

from tiphys.compile.workloads.pods import finished, started
from tiphys.compile.workloads.reading import is_going, name_of, part, phase_of
from tiphys.messages import JobFinished, JobLost
from tiphys.model.arguments import Outputs
from tiphys.model.ids import NodeId
from tiphys.model.times import time_text

BEGINNING = 1_700_000_000.0


class Cluster:
    """One Job, its pods, and a clock that moves when it is told to."""

    def __init__(self, decide, job):
        self.decide = decide
        self.now = BEGINNING
        metadata = {"namespace": "default", "uid": "u-1", **job["metadata"]}
        metadata["creationTimestamp"] = time_text(self.now)
        self.job = {**job, "metadata": metadata}
        self.pods = {}
        self.others = []
        self.made = []
        self.is_gone = False
        self.is_over = False
        self.wake_at = None

    def step(self, **more):
        """Decide once and carry it out; return whether anything was changed."""
        if self.is_gone:
            return False
        before = copy.deepcopy((self.job, self.pods))
        step = self.decide(self.job, list(self.pods.values()), self.now, **more)
        self.is_over, self.wake_at = step.is_over, step.wake_at
        if step.expired:
            self.is_gone = True
            return True
        self.job = step.document
        for name in step.delete:
            pod = self.pods[name]
            metadata = {**pod["metadata"], "deletionTimestamp": time_text(self.now)}
            self.pods[name] = {**pod, "metadata": metadata}
        for document in step.create:
            if document["kind"] != "Pod":
                self.others.append(document)
                continue
            uid = f"p-{len(self.made)}"
            metadata = {**document["metadata"], "uid": uid}
            metadata["creationTimestamp"] = time_text(self.now)
            self.made.append(name_of(document))
            self.pods[name_of(document)] = {**document, "metadata": metadata}
        return before != (self.job, self.pods)

    def settle(self, **more):
        """Decide until nothing changes any more."""
        self.step(**more)
        for _ in range(50):
            if not self.step():
                return self
        raise AssertionError("the decisions do not come to rest")

    def collect(self):
        """Let deleted pods go."""
        self.pods = {name: pod for name, pod in self.pods.items() if not is_going(pod)}
        return self

    def begin(self, *names):
        """Let pods run; all that wait if none is named."""
        for name in names or [n for n, pod in self.pods.items() if phase_of(pod) == "Pending"]:
            self.pods[name] = started(self.pods[name], self.now)
        return self

    def end(self, name, code=0):
        """Let a pod end with an exit code."""
        report = JobFinished(
            job=NodeId("x"),
            phase="Failed" if code else "Succeeded",
            message=f"main: Error (exit code {code})" if code else "",
            outputs=Outputs(exit_code=str(code)),
            started_at=self.now,
            finished_at=self.now,
        )
        self.pods[name] = finished(self.pods[name], report)
        return self

    def lose(self, name):
        """Let a pod vanish."""
        self.pods[name] = finished(self.pods[name], JobLost(NodeId("x"), self.now))
        return self

    def later(self, seconds):
        """Let time pass."""
        self.now += seconds
        return self

    @property
    def live(self):
        """The names of the pods that have not ended and are not deleted."""
        return [
            name
            for name, pod in self.pods.items()
            if phase_of(pod) in ("Pending", "Running") and not is_going(pod)
        ]

    @property
    def status(self):
        return part(self.job, "status")

    def condition(self, kind):
        """Return reason and message of a condition that holds, None if it does not."""
        for item in self.status.get("conditions", []):
            if item["type"] == kind and item["status"] == "True":
                return item["reason"], item["message"]
        return None


def template(policy="Never", **more):
    """Return a pod template."""
    container = {"name": "c", "image": "busybox", "command": ["true"]}
    return {"spec": {"restartPolicy": policy, "containers": [container], **more}}
