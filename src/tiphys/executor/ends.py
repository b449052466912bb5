"""How the containers of a pod ended, and what that makes of the job.

Source: reference/kubernetes.md 4.4 and 4.5, reference/engine.md 1.14; the kubelet lists container
statuses by name, which is why the order of the template does not count.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from tiphys.executor import contract
from tiphys.messages import ContainerReported, JobSpec, Phase

Verdict = tuple[Literal["Succeeded", "Failed", "Error"], str]
_IGNORED: Final = (137, 143)
_WAITING: Final = "PodInitializing"


class End(msgspec.Struct, frozen=True):
    """One container's end; one that has not run was refused its turn. `message` is its own."""

    name: str
    role: Literal["init", "main", "sidecar"]
    has_run: bool
    code: int
    reason: str = "Error"
    message: str = ""


class PodEnd(msgspec.Struct, frozen=True):
    """The content of `ended`. A `stopped` pod was ended from outside."""

    containers: list[End]
    stopped: bool = False

    @property
    def main_code(self) -> int | None:
        """The exit code of the container called main, None without one that has run."""
        ends = (item for item in self.containers if item.role == "main" and item.name == "main")
        return next((item.code for item in ends if item.has_run), None)


_decode: Final = msgspec.json.Decoder(PodEnd).decode


def read_end(directory: str) -> PodEnd | None:
    """Return how a pod ended, None while it has not."""
    content = contract.read_file(f"{directory}/{contract.ENDED}", 1 << 24)
    try:
        return _decode(content) if content else None
    except msgspec.MsgspecError:
        return None


def pod_verdict(end: PodEnd, deadline: str, errors: list[str]) -> Verdict:
    """Return phase and message of a pod: deadline, init containers, main ones, wait, sidecars.

    Source: argo workflow/controller/operator.go, inferFailedReason.
    """
    if deadline:
        return "Failed", deadline
    mains = sorted((i for i in end.containers if i.role == "main"), key=lambda item: item.name)
    if end.stopped and not any(item.has_run for item in mains):
        return "Error", "pod deleted"
    if failed := _failed(end, "init"):
        return "Failed", _text(failed[0])
    for item in mains:
        if not item.has_run:
            return "Error", f"Pod failed before {item.name} container starts due to {_WAITING}: "
        if item.code:
            return "Failed", _text(item)
    if errors:
        return "Error", f"wait: Error (exit code {contract.CANNOT_START}): {errors[0]}"
    if failed := _failed(end, "sidecar"):
        return "Failed", _text(min(failed, key=lambda item: item.name))
    return "Succeeded", ""


def _failed(end: PodEnd, role: str) -> list[End]:
    """Return the helpers that failed; that one was ended from outside is no failure."""
    found = [item for item in end.containers if item.role == role]
    return [item for item in found if item.code and item.code not in _IGNORED]


def _text(end: End) -> str:
    text = f"{end.name}: {end.reason} (exit code {end.code})"
    return f"{text}: {end.message}" if end.message else text


def member_ends(job: JobSpec, end: PodEnd) -> tuple[ContainerReported, ...]:
    """Return the ends of a container set's containers, () for any other template."""
    if job.template.container_set is None:
        return ()
    return tuple(member_report(job, item) for item in end.containers if item.role == "main")


def member_report(job: JobSpec, end: End) -> ContainerReported:
    """Return the phase of a member that is over.

    Source: reference/engine.md 1.14.8: 64 is an Error, and the colon stays without a message.
    """
    if not end.has_run:
        text = f"Pod failed before {end.name} container starts due to {_WAITING}: "
        return ContainerReported(job.id, end.name, "Error", text)
    if not end.code:
        return ContainerReported(job.id, end.name, "Succeeded")
    phase: Phase = "Error" if end.code == contract.CANNOT_START else "Failed"
    text = f"{end.name}: {end.reason} (exit code {end.code}): {end.message}"
    return ContainerReported(job.id, end.name, phase, text)
