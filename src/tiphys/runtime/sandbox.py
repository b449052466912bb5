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
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from tiphys.executor import contract, env, run
from tiphys.executor.fields import host_name
from tiphys.executor.layout import Layout, Mount, RootedLayout
from tiphys.executor.members import containers_of, is_pod, main_container, name_of
from tiphys.executor.placed import make_folders
from tiphys.executor.transfers import DriverOf
from tiphys.messages import JobFinished, JobLost, JobSpec
from tiphys.model.containers import Container
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Clock
from tiphys.runtime.blanks import Blanks
from tiphys.runtime.entry import Entry
from tiphys.runtime.images import HOST, ImageRule, User
from tiphys.runtime.local import LocalRuntime
from tiphys.runtime.rootfs import Rootfs, empty_folders, make_root, rootfs
from tiphys.runtime.roots import ImageRoots
from tiphys.runtime.setup import Setup
from tiphys.runtime.slots import Slots
from tiphys.runtime.used_roots import UsedRoots

_ALONE: Final = ("--unshare-ipc", "--unshare-uts")
_ISOLATION: Final = ("--unshare-user", "--unshare-pid", "--die-with-parent", "--new-session")
_ROOT: Final = ("--uid", "0", "--gid", "0")
_ROOT_USER: Final = User(0, 0, "/root")
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
    command = [
        program,
        *_ROOT,
        *_ALONE,
        *_ISOLATION,
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
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


class _Shown:
    """What a container sees of the host, and bubblewrap's arguments that say so."""

    def __init__(self, parts: Rootfs) -> None:
        self.parts = parts

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """The arguments for a root in which nothing is."""
        return _arguments(self.parts)

    @cached_property
    def linked(self) -> tuple[str, ...]:
        """The arguments for a root that has the links."""
        return _arguments(self.parts, links=False)


class SandboxRuntime(LocalRuntime):
    """Runs commands below a root of their own. Call `available` first."""

    name = "sandbox"
    uses_blanks = True
    shares_namespaces = True

    def __init__(
        self,
        root: Path,
        drivers: DriverOf,
        clock: Clock,
        *,
        slots: Slots | int | None = None,
        setup: Setup | None = None,
    ) -> None:
        super().__init__(root, drivers, clock, slots=slots, setup=setup)
        self._bwrap = shutil.which("bwrap") or "/usr/bin/bwrap"
        self._bases: dict[ImageRule, _Shown] = {}
        self._commands: set[tuple[ImageRule, str, str]] = set()
        self._plain = rootfs(ImageRule())
        self._used = UsedRoots(self._plain)
        self._new_roots = Blanks(self._root, lambda path: make_root(path, self._plain))
        self._needed_root = False
        self._has_roots = any(rule.root != HOST for rule in self._setup.images)
        self._roots = ImageRoots(self._setup.unpacked or self._root.parent / "images")

    def layout_of(
        self, job: JobSpec, directory: str, container: Container | None, mounts: tuple[Mount, ...]
    ) -> Layout:
        """Return a layout in which the container's paths lie below its root or in its volumes."""
        if is_pod(job):
            mounts = (*mounts, Mount(contract.POD_PROGRESS, _progress(directory)))
        shown = self._shown(job, container, mounts).parts
        name = name_of(job, container)
        return RootedLayout(directory, shown.readonly, shown.links, mounts, name)

    def launch(self, member: run.Member) -> run.Launch:
        """Return the command inside bubblewrap. Raises CannotStart if there is no such command."""
        job, layout, container = member.job, member.layout, member.container
        rule = self._rule(container)
        host = host_name(job)
        own = env.environment(job, container, layout, member.values)
        user = run_as(job, container, rule)
        variables = {**_variables(rule, user), "HOSTNAME": host, **own}
        cwd = (container.working_dir if container is not None else "") or rule.working_dir or "/"
        self._make_folders(layout, cwd)
        command = env.command_line(job, container, layout, own, rule.defaults)
        command[0] = self._stand_in(rule, layout, command[0], variables.get("PATH", ""), cwd)
        try:
            self._check(member, command[0], variables.get("PATH", ""), cwd)
        except run.CannotStart:
            if not member.waits:  # else it may be there when its turn comes
                raise
        shown = self._shown(job, container, layout.mounts)
        # They are there if another job had the root before, or if it was made in advance.
        arguments = shown.linked if shown.parts.has_links(layout.root) else shown.arguments
        isolation = (*_words_of(user), *_ALONE, "--hostname", host)
        mounted = _mounted(layout.mounts)
        if is_pod(job):
            shown.parts.make_links(layout.root)
            arguments = shown.linked
            isolation = _words_of(user)  # the rest is its launcher's, for all containers
            mounted = (*_shared(layout.directory), *mounted)
        return run.Launch(
            [
                *(self._bwrap, *isolation, *_ISOLATION, "--bind", layout.root, "/"),
                *(*arguments, *mounted, "--chdir", cwd, "--"),
                *command,
            ],
            variables,
            "/",
            "rs" if job.capture_result else "s",
        )

    def _find_root(self, entry: Entry) -> None:
        """Take the root of an earlier job that left it as it was, else one made in advance."""
        self._needed_root = False
        if not self._is_plain(entry) or os.path.lexists(entry.layout.root):
            return
        self._needed_root = not self._used.take(entry)
        if self._needed_root and self._new_roots.take(entry.layout.root):
            self._used.note(entry)

    def _prepare_next(self) -> None:
        super()._prepare_next()
        if self._needed_root and not self._waiting:
            self._new_roots.refill()

    def _finish(self, entry: Entry, report: JobFinished | JobLost) -> None:
        super()._finish(entry, report)
        if entry.state == "over" and isinstance(report, JobFinished) and self._is_plain(entry):
            self._used.leave(entry)
        else:
            self._used.forget(entry)

    async def close(self) -> None:
        """Release what the runtime holds; jobs go on running."""
        await super().close()
        await self._new_roots.close()

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Remove all that remains of one job, so that another may be started under its id."""
        if (entry := self._entries.get(job)) is not None:
            self._used.forget(entry)
        await super().forget(run, job)

    def _is_plain(self, entry: Entry) -> bool:
        """Tell whether a job sees the host as it is, without holes for paths of its own."""
        if entry.is_pod or entry.is_unknown or entry.layout.mounts:
            return False
        main = main_container(entry.spec)
        rule = self._rule(main)
        return rule.root == HOST and self._shown(entry.spec, main, ()) is self._bases[rule]

    def _rule(self, container: Container | None) -> ImageRule:
        rule = self._images.rule(container.image if container is not None else "")
        return self._roots.known(rule) if self._has_roots else rule

    def _lacks_image(self, _job: JobSpec) -> bool:
        """Tell whether an image of the job's has to be unpacked or mounted first."""
        return self._has_roots and any(self._roots.lacks(rule) for rule in self._rules(_job))

    async def _make_images(self, _job: JobSpec) -> None:
        """Unpack or mount the images of a job. Raises a TiphysError."""
        for rule in self._rules(_job):
            await self._roots.make(rule)

    def _rules(self, job: JobSpec) -> Iterator[ImageRule]:
        for container in containers_of(job):
            yield self._images.rule(container.image)

    def _shown(self, job: JobSpec, container: Container | None, mounts: Sequence[Mount]) -> _Shown:
        """Return what a container sees of the host."""
        rule = self._rule(container)
        if self._has_roots and self._roots.lacks(rule):
            return _Shown(Rootfs())  # until it is made
        if rule not in self._bases:
            self._bases[rule] = _Shown(rootfs(rule))
        base = self._bases[rule].parts
        own = [
            *(_own_paths(job) if container is main_container(job) else ()),
            *((mount.path, True) for mount in mounts),
        ]
        paths = [item for item in own if base.covers(base.canonical(item[0]))]
        if not paths:
            return self._bases[rule]
        made = base.copy()
        for path, replaces in paths:
            made.open_up(path, replaces)
        return _Shown(made)

    def _make_folders(self, layout: Layout, cwd: str) -> None:
        spot = layout.spot(cwd)
        if not os.path.isdir(str(spot)):
            os.makedirs(layout.root, exist_ok=True)
            make_folders(spot)

    def _stand_in(self, rule: ImageRule, layout: Layout, name: str, path: str, cwd: str) -> str:
        """Return the program to run: the host rarely keeps programs where an image does.

        A path the host does not have (`/usr/local/bin/python`) is looked up by its last part.
        """
        if rule.root != HOST:
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

    def _check(self, member: run.Member, name: str, path: str, cwd: str) -> None:
        """Look for the command as the emissary does; bubblewrap would only exit with 1.

        What was found in a read-only part is remembered: it will be there for the next job.
        """
        key = (self._rule(member.container), path, name)
        if key in self._commands:
            return
        run.find_in(member.layout, name, path, cwd)
        if "/" not in name and not (member.layout.mounts or member.job.template.inputs.artifacts):
            self._commands.add(key)


def _arguments(shown: Rootfs, links: bool = True) -> tuple[str, ...]:
    log = "/var/run/argo/termination-log"
    return (
        *shown.arguments(links),
        *empty_folders(),
        *("--proc", "/proc", "--dev", "/dev", "--symlink", log, contract.POD_TERMINATION_LOG),
    )


def run_as(job: JobSpec, container: Container | None, rule: ImageRule) -> User:
    """Return whom the job believes to be: what its context asks for, else the image's, else root.

    Outside it is the user who runs the engine in any case.
    """
    image = rule.user or _ROOT_USER
    whole = job.template.security_context
    own = container.security_context if container is not None else None
    if whole is None and own is None:
        return image
    given = {**(whole or {}), **(own or {})}
    user, group = given.get("runAsUser"), given.get("runAsGroup")
    if isinstance(user, int) and user != image.uid:
        image = User(user, 0, "/" if rule.user is not None else _ROOT_USER.home)
    return replace(image, gid=group) if isinstance(group, int) else image


def _words_of(user: User) -> tuple[str, ...]:
    return ("--uid", str(user.uid), "--gid", str(user.gid))


def _variables(rule: ImageRule, user: User) -> dict[str, str]:
    """Return the variables of an image: its own, and those that an engine sets without them."""
    found = {"PATH": run.STANDARD_PATH, "HOME": user.home, **dict(rule.env)}
    return {**found, "PATH": ":".join((*rule.bin, found["PATH"]))}


def _progress(directory: str) -> str:
    return f"{directory}/{contract.SHARED}/{contract.PROGRESS}"


def _shared(directory: str) -> tuple[str, ...]:
    """Make what all containers of a pod have in common, and return the arguments that show it."""
    for name in (contract.SHARED, contract.SHM):
        os.makedirs(f"{directory}/{name}", exist_ok=True)
    with open(_progress(directory), "ab"):
        pass  # only what exists can be mounted
    return ("--bind", f"{directory}/{contract.SHM}", "/dev/shm")  # noqa: S108 - the pod's own


def _mounted(mounts: Sequence[Mount]) -> tuple[str, ...]:
    """Return the arguments that make each volume a mount of its own, short paths first."""
    if not mounts:
        return ()
    each = (("--ro-bind" if m.read_only else "--bind", m.source, m.path) for m in reversed(mounts))
    return tuple(word for words in each for word in words)


def _own_paths(job: JobSpec) -> Iterator[tuple[str, bool]]:
    """Yield the declared paths, and whether the job brings what is there itself."""
    template = job.template
    for artifact in template.inputs.artifacts:
        if artifact.path.startswith("/"):
            yield artifact.path, True
    for artifact in template.outputs.artifacts:
        if artifact.path.startswith("/"):
            yield artifact.path, False
    for parameter in template.outputs.parameters:
        if parameter.value_from is not None and parameter.value_from.path.startswith("/"):
            yield parameter.value_from.path, False
