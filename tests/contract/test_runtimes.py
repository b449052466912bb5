"""Every runtime passes the contract suite."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.container_engine import containers_of_test, environ, need_engine

from tiphys.artifacts.registry import Drivers
from tiphys.executor import contract, run
from tiphys.messages import JobSpec
from tiphys.model.containers import Container
from tiphys.ports import Clock, Runtime
from tiphys.runtime import sandbox
from tiphys.runtime.container import ContainerRuntime, EngineSetup
from tiphys.runtime.engines.find import Found
from tiphys.runtime.local import LocalRuntime
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.runtime.setup import Setup
from tiphys.runtime.simulated import Outcome, SimulatedRuntime
from tiphys.testing.runtime_contract import (
    Act,
    ManualClock,
    RuntimeContract,
    SystemClock,
    shell_script,
)

WHY_NO_SANDBOX = sandbox.available()
needs_sandbox = pytest.mark.skipif(WHY_NO_SANDBOX is not None, reason=WHY_NO_SANDBOX or "")


class RealWorld:
    real = True
    clock: Clock = SystemClock()

    def __init__(self, made: type[LocalRuntime], root: Path) -> None:
        self.made = made
        self.root = root
        self.drivers = Drivers({"local": {"root": root / "artifacts"}})

    def open(self, slots: int = 4, setup: Setup | None = None) -> Runtime:
        return self.made(self.root / "runs", self.drivers, self.clock, slots=slots, setup=setup)

    def main(self, name: str, act: Act) -> Container:
        return Container(image="alpine", command=("sh", "-c"), args=(shell_script(act),))

    def kill_launcher(self, job: JobSpec) -> None:
        who = contract.read_pid(contract.job_directory(self.root / "runs", job))
        assert who is not None
        os.kill(who[0], signal.SIGKILL)


class ContainerWorld(RealWorld):
    """podman or docker, with an image made here."""

    def __init__(self, root: Path, found: Found) -> None:
        super().__init__(ContainerRuntime, root)
        self.found = found

    def open(self, slots: int = 4, setup: Setup | None = None) -> Runtime:
        return ContainerRuntime(
            self.root / "runs",
            self.drivers,
            self.clock,
            engine=EngineSetup(self.found, environ()),
            slots=slots,
            setup=setup,
        )


class SimulatedWorld:
    real = False

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.acts: dict[str, Act] = {}

    def open(self, slots: int = 4) -> Runtime:
        return SimulatedRuntime(self.clock, self.outcome)

    def main(self, name: str, act: Act) -> Container:
        self.acts[name] = act
        return Container(image="alpine")

    def outcome(self, job: JobSpec) -> Outcome:
        act = self.acts[job.node_name]
        made = act.files
        outputs = job.template.outputs
        paths = {p.name: p.value_from.path for p in outputs.parameters if p.value_from}
        paths |= {a.name: a.path for a in outputs.artifacts}
        return Outcome(
            seconds=1e6 if act.hangs else 0.0,
            code=128 + act.killed_by if act.killed_by else act.code,
            result=act.says,
            log=b"ready\n" if act.hangs else act.says.encode(),
            stubborn=act.stubborn,
            parameters={n: made[p].removesuffix("\n") for n, p in paths.items() if p in made},
            missing=frozenset(n for n, p in paths.items() if p not in made),
        )


@pytest.fixture(params=["process", "process-python", "sandbox", "podman", "docker", "simulated"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RealWorld | SimulatedWorld]:
    if request.param == "simulated":
        yield SimulatedWorld()
        return
    if request.param in {"podman", "docker"}:
        found = need_engine(request.param)
        yield ContainerWorld(tmp_path, found)
        assert not containers_of_test(tmp_path, found), "a job left containers behind"
        assert not left_over(tmp_path), "a job left processes behind"
        return
    if request.param == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    if request.param == "process-python":
        monkeypatch.setattr(run, "find_launcher", run.python_launcher)
    yield RealWorld(SandboxRuntime if request.param == "sandbox" else ProcessRuntime, tmp_path)
    assert not left_over(tmp_path), "a job left processes behind"


def left_over(root: Path) -> list[str]:
    """Return the processes of a test that do not go away; what was killed dies in its own time."""
    until = time.monotonic() + 10
    while (found := processes_of(root)) and time.monotonic() < until:
        pass
    return found


def processes_of(root: Path) -> list[str]:
    """Return what processes name this test's directory in their command or directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + os.readlink(entry / "cwd").encode()
            except OSError:
                continue
            if str(root).encode() in text:
                found.append(f"{entry.name}: {text!r}")
    return found


class TestRuntimes(RuntimeContract):
    """All claims, for all worlds."""
