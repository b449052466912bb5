"""A job in a bubblewrap sandbox: a private, writable root with the host's programs read-only.

Inside: `/usr /etc /opt /bin /sbin /lib*` are the host's (or an unpacked image's), read-only;
everything else is private to the pod and found afterwards below the job's `root/`. Own pid, ipc
and uts namespaces; the host's network; nothing of the user's home. The job is root there in name
only (a user namespace in which uid 0 is the user who runs the engine, without capabilities), as
in most images, so its files belong to that user outside. The environment is PATH, HOME and
HOSTNAME, Argo's variables and the template's; nothing of the engine's.

What bubblewrap cannot do: limit cpu or memory.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tiphys.executor import contract, run
from tiphys.executor.layout import Layout, RootedLayout, mounts
from tiphys.executor.stage import make_folder
from tiphys.executor.transfers import DriverOf
from tiphys.messages import JobSpec
from tiphys.ports import Clock
from tiphys.runtime.images import HOST, ImageRule
from tiphys.runtime.local import LocalRuntime
from tiphys.runtime.rootfs import Rootfs, empty_folders, rootfs
from tiphys.runtime.slots import Slots

_MAX_HOSTNAME: Final = 63
_ISOLATION: Final = (
    *("--unshare-user", "--uid", "0", "--gid", "0"),
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--die-with-parent", "--new-session"),
)
_TEST_SECONDS: Final = 20.0
_REMEDY: Final = (
    "allow user namespaces: `sysctl -w user.max_user_namespaces=15000`, on Debian also "
    "`kernel.unprivileged_userns_clone=1`, on Ubuntu "
    "`kernel.apparmor_restrict_unprivileged_userns=0`; in a container, run it privileged"
)


def available(bwrap: str = "bwrap") -> str | None:
    """Return why sandboxes cannot be used here and what to do about it; None if they can."""
    program = shutil.which(bwrap)
    if program is None:
        return "bubblewrap is not installed: install the package `bubblewrap` (the command `bwrap`)"
    command = [program, *_ISOLATION, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    try:
        done = subprocess.run(
            [*command, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TEST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"bubblewrap does not run: {exc}"
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip()
    return f"bubblewrap cannot make a sandbox ({said}): {_REMEDY}"


class SandboxRuntime(LocalRuntime):
    """Runs commands below a root of their own. Call `available` first."""

    name = "sandbox"

    def __init__(
        self,
        root: Path,
        drivers: DriverOf,
        clock: Clock,
        *,
        slots: Slots | int | None = None,
        images: Sequence[ImageRule] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(root, drivers, clock, slots=slots, images=images, environ=environ)
        self._bwrap = shutil.which("bwrap") or "/usr/bin/bwrap"
        self._bases: dict[ImageRule, tuple[Rootfs, tuple[str, ...]]] = {}
        self._commands: set[tuple[ImageRule, str, str]] = set()

    def layout(self, job: JobSpec, directory: str) -> Layout:
        """Return a layout in which the job's paths lie below its root."""
        shown, _ = self._shown(job)
        return RootedLayout(directory, shown.readonly, shown.links)

    def launch(self, job: JobSpec, layout: Layout) -> run.Launch:
        """Return the command inside bubblewrap. Raises CannotStart if there is no such command."""
        main = run.main_container(job)
        rule = self._rule(job)
        host = job.pod_name[:_MAX_HOSTNAME].strip("-.") or "pod"
        path = ":".join((*rule.bin, run.STANDARD_PATH))
        base = {"PATH": path, "HOME": "/root", "HOSTNAME": host}
        env = run.environment(job, layout, base)
        cwd = (main.working_dir if main is not None else "") or "/"
        self._make_folders(layout, cwd)
        command = run.command_line(job, layout, rule.defaults)
        command[0] = self._stand_in(job, layout, command[0], env.get("PATH", ""), cwd)
        self._check(job, layout, command[0], env.get("PATH", ""), cwd)
        _, arguments = self._shown(job)
        return run.Launch(
            [
                *(self._bwrap, *_ISOLATION, "--hostname", host, "--bind", layout.root, "/"),
                *(*arguments, *_mounted(job, layout), "--chdir", cwd, "--"),
                *command,
            ],
            env,
            "/",
            "rs" if job.capture_result else "s",
        )

    def _rule(self, job: JobSpec) -> ImageRule:
        main = run.main_container(job)
        return self._images.rule(main.image if main is not None else "")

    def _shown(self, job: JobSpec) -> tuple[Rootfs, tuple[str, ...]]:
        """Return what the job sees of the host, and the arguments that say so."""
        rule = self._rule(job)
        if rule not in self._bases:
            made = rootfs(rule)
            self._bases[rule] = made, _arguments(made)
        base, arguments = self._bases[rule]
        paths = [item for item in _own_paths(job) if base.covers(base.canonical(item[0]))]
        if not paths:
            return base, arguments
        made = base.copy()
        for path, replace in paths:
            made.open_up(path, replace)
        return made, _arguments(made)

    def _make_folders(self, layout: Layout, cwd: str) -> None:
        place = layout.follow(cwd)
        if not os.path.isdir(place):
            make_folder(place)

    def _stand_in(self, job: JobSpec, layout: Layout, name: str, path: str, cwd: str) -> str:
        """Return the program to run: the host rarely keeps programs where an image does.

        A path the host does not have (`/usr/local/bin/python`) is looked up by its last part.
        """
        if self._rule(job).root != HOST:
            return name

        def exists(program: str) -> bool:
            try:
                run.find_in(layout, program, path, cwd)
            except run.CannotStart:
                return False
            return True

        if not name.startswith("/"):
            return run.known_here(name, exists)
        last = posixpath.basename(name)
        return name if exists(name) or not exists(last) else last

    def _check(self, job: JobSpec, layout: Layout, name: str, path: str, cwd: str) -> None:
        """Look for the command as the emissary does; bubblewrap would only exit with 1.

        What was found in a read-only part is remembered: it will be there for the next job.
        """
        key = (self._rule(job), path, name)
        if key in self._commands:
            return
        run.find_in(layout, name, path, cwd)
        if "/" not in name and not job.template.inputs.artifacts:
            self._commands.add(key)


def _arguments(shown: Rootfs) -> tuple[str, ...]:
    log = "/var/run/argo/termination-log"
    return (
        *shown.arguments(),
        *empty_folders(),
        *("--proc", "/proc", "--dev", "/dev", "--symlink", log, contract.POD_TERMINATION_LOG),
    )


def _mounted(job: JobSpec, layout: Layout) -> Iterator[str]:
    """Yield the arguments that make each volume a mount of its own, as programs may expect."""
    for path in mounts(job):
        place = layout.follow(path)
        if not os.path.isdir(place):
            make_folder(place)
        yield from ("--bind", place, path)


def _own_paths(job: JobSpec) -> Iterator[tuple[str, bool]]:
    """Yield the declared paths, and whether the job brings what is there itself."""
    template = job.template
    for artifact in template.inputs.artifacts:
        if artifact.path.startswith("/"):
            yield artifact.path, True
    for mount in mounts(job):
        yield mount, True
    for artifact in template.outputs.artifacts:
        if artifact.path.startswith("/"):
            yield artifact.path, False
    for parameter in template.outputs.parameters:
        if parameter.value_from is not None and parameter.value_from.path.startswith("/"):
            yield parameter.value_from.path, False
