"""Wiring: which adapters stand behind the ports. No logic.

`local()` is a home directory on this machine: SQLite, the launcher's runtimes, the local artifact
repository. It is the only module that names them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tiphys.artifacts.registry import Drivers
from tiphys.controller.engine import Engine
from tiphys.errors import Permanent, UserError
from tiphys.executor.volumes import Places
from tiphys.ports import RunRow, Runtime
from tiphys.runtime.images import ImageRule
from tiphys.runtime.local import LocalRuntime
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.setup import Setup
from tiphys.runtime.slots import Slots, default_slots
from tiphys.service.operations import Operator
from tiphys.service.submit import Submitter
from tiphys.service.view import Viewer
from tiphys.settings import Settings
from tiphys.store.owners import Owner
from tiphys.store.sqlite import SqliteStore


class SystemClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Return the seconds since the epoch, UTC."""
        return time.time()

    async def sleep_until(self, at: float) -> None:
        """Return when `now()` has reached `at`."""
        await asyncio.sleep(max(0.0, at - time.time()))


@dataclass(frozen=True, slots=True)
class Choice:
    """The runtime that was chosen, and why."""

    name: str
    reason: str


def choose_runtime(settings: Settings) -> Choice:
    """Return the runtime to use: the one asked for, else the most isolated that works here.

    Raises UserError if the one asked for cannot be used.
    """
    from tiphys.runtime import sandbox

    wanted = settings.runtime
    if wanted in {"process", "simulated"}:
        return Choice(wanted, "as asked")
    why_not = sandbox.available()
    if why_not is None:
        return Choice("sandbox", "as asked" if wanted == "sandbox" else "bubblewrap works here")
    if wanted == "sandbox":
        raise UserError(f"the sandbox runtime cannot be used: {why_not}")
    return Choice("process", f"no isolation, because {why_not}")


@dataclass(frozen=True, slots=True)
class Local:
    """A home on this machine, opened."""

    settings: Settings
    store: SqliteStore
    owner: Owner | None
    clock: SystemClock
    submitter: Submitter
    operator: Operator
    viewer: Viewer
    slots: Slots

    def engine(self) -> Engine:
        """Return what drives runs in this process."""
        if self.owner is None:
            raise Permanent("this home was opened to read only")
        return Engine(
            self.store,
            self.store,
            self.runtime,
            self.clock,
            self.owner.name,
            self.settings.home / "bugs",
        )

    async def forget(self, row: RunRow) -> None:
        """Delete a run, its job directories and its artifacts; what runs of it is killed.

        Artifacts lie under the workflow's name, as in Argo, so a workflow of that name in another
        namespace keeps them.
        """
        runtime = self.runtime(row)
        try:
            await self.operator.delete(row, runtime, self.store.is_driven(row))
        finally:
            await runtime.close()
        folder = self.settings.home / "artifacts" / row.name
        shared = any(other.name == row.name for other in await self.store.list(None))
        if not shared and folder.parent == self.settings.home / "artifacts":
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def runtime(self, row: RunRow) -> Runtime:
        """Return the runtime of one run: the one it was submitted for."""
        return _runtime(self.settings, row.runtime, self.clock, self.slots)


def _runtime(settings: Settings, name: str, clock: SystemClock, slots: Slots) -> Runtime:
    if name == "simulated":
        from tiphys.runtime.simulated import SimulatedRuntime

        return SimulatedRuntime(clock)
    kind: type[LocalRuntime] = ProcessRuntime
    if name == "sandbox":
        from tiphys.runtime.sandbox import SandboxRuntime

        kind = SandboxRuntime
    return kind(
        settings.home / "runs",
        Drivers({"local": {"root": settings.home / "artifacts"}}),
        clock,
        slots=slots,
        setup=Setup(
            images=[
                ImageRule(
                    pattern=item.pattern,
                    root=item.root,
                    bin=item.bin,
                    visible=item.visible,
                    entrypoint=item.entrypoint,
                    cmd=item.cmd,
                )
                for item in settings.images
            ],
            environ=passed_on(settings.environ),
            places=Places(str(settings.home / "volumes"), settings.host_paths),
            unpacked=settings.home / "images",
        ),
    )


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the environment that jobs without isolation may see."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "TZ")
    return {name: environ[name] for name in names if name in environ}


def prepare_home(home: Path) -> None:
    """Make the home directory and its parts, private to the user. Raises UserError."""
    try:
        for part in (home, home / "runs", home / "artifacts"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        raise UserError(
            f"the home {home} cannot be used: {exc.strerror or exc}; choose another one with "
            "--home or TIPHYS_HOME"
        ) from exc


@contextlib.contextmanager
def local(settings: Settings, *, drives: bool = False) -> Iterator[Local]:
    """Open the home of `settings`; with `drives` this process may own runs."""
    prepare_home(settings.home)
    with contextlib.ExitStack() as stack:
        owner = None
        if drives:
            owner = Owner(settings.home, f"{os.getpid()}-{secrets.token_hex(4)}")
            stack.callback(owner.close)
        store = SqliteStore(settings.home, owner)
        stack.callback(store.close)
        clock = SystemClock()
        yield Local(
            settings=settings,
            store=store,
            owner=owner,
            clock=clock,
            submitter=Submitter(store, clock),
            operator=Operator(store, store, clock),
            viewer=Viewer(store),
            slots=Slots(settings.slots or default_slots()),
        )
