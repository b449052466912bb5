"""What the sandbox is compared with: bubblewrap alone, with the same walls and with the fewest.

`equal` is what counts: the same namespaces and the same mounts as a job gets, in one root that is
used again and again. `least` is a sandbox that hides less: no user namespace where the engine is
root's, the host's `/tmp` and little else replaced, no private files that outlive the process.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import CommandError
from tiphys.artifacts.registry import Drivers
from tiphys.executor import run
from tiphys.executor.members import main_container
from tiphys.messages import JobSpec
from tiphys.model.containers import Container
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.runtime_contract import SystemClock

_LEAST = (
    "bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib"
    " --symlink usr/lib64 /lib64 --tmpfs /tmp --proc /proc --dev /dev"
    " --unshare-pid --unshare-ipc --unshare-uts --die-with-parent"
)


def least(program: Sequence[str]) -> list[str]:
    """Return the command that shows a program the host's tools and a /tmp of its own."""
    return [*shlex.split(_LEAST), *program]


def equal(folder: Path, program: Sequence[str]) -> list[str]:
    """Return the command that the sandbox starts for a job, for a root that has been used."""
    runtime = SandboxRuntime(folder, Drivers({}), SystemClock())
    job = job_of("busybox", program, 0)
    layout = runtime.layout(job, str(folder))
    Path(layout.root).mkdir(parents=True, exist_ok=True)
    member = run.Member(job, main_container(job), layout)
    if subprocess.run(runtime.launch(member).command, capture_output=True, check=False).returncode:
        raise CommandError("bubblewrap does not start the program")
    return [*runtime.launch(member).command]


def job_of(image: str, program: Sequence[str], number: int) -> JobSpec:
    """Return a job that runs a program."""
    name = f"bench-{number}"
    return JobSpec(
        id=NodeId(name),
        run=RunId("bench"),
        workflow="bench",
        namespace="default",
        node_name=name,
        pod_name=name,
        template=Template(name="date", container=Container(image=image, command=tuple(program))),
        key_prefix=f"bench/{number}",
    )
