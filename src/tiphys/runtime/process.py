"""A job as plain processes in a directory: no isolation.

The working directory is the pod's own, one for each container. Paths that the template declares
(artifact paths, output parameter paths, volume mounts, the script) are replaced in command, args,
env, probes and script by paths in the job directory, so that parallel steps do not collide; any
other path is the host's. So a program finds a volume only by a path that the template spells out,
and `readOnly` is not enforced. The environment is PATH, HOME, LANG, TMPDIR and USER, Argo's
variables, and the template's.
"""

from __future__ import annotations

import os
import shutil
from typing import Final

from tiphys.executor import contract, env, run
from tiphys.executor.layout import Layout, MappedLayout, Mount
from tiphys.executor.members import name_of
from tiphys.messages import JobSpec
from tiphys.model.containers import Container
from tiphys.runtime.local import LocalRuntime

_PASSED_ON: Final = ("HOME", "LANG", "USER")


class ProcessRuntime(LocalRuntime):
    """Runs commands as they are, as the user who runs the engine."""

    name = "process"
    uses_blanks = True

    def layout_of(
        self, job: JobSpec, directory: str, container: Container | None, mounts: tuple[Mount, ...]
    ) -> Layout:
        """Return a layout that maps what the template declares."""
        return MappedLayout(directory, job, mounts, name_of(job, container))

    def launch(self, member: run.Member) -> run.Launch:
        """Return the command itself."""
        job, layout, container = member.job, member.layout, member.container
        rule = self._images.rule(container.image if container is not None else "")
        own = env.environment(job, container, layout, member.values)
        variables = {**self._base(layout, rule.bin), **own}
        command = env.command_line(job, container, layout, own, rule.defaults)
        path = variables["PATH"]
        command[0] = run.known_here(
            command[0], lambda name: shutil.which(name, path=path) is not None
        )
        return run.Launch(
            command,
            variables,
            self._working_directory(container.working_dir if container else "", layout),
            "r" if job.capture_result else "-",
        )

    def _fill_blank(self, directory: str) -> None:
        super()._fill_blank(directory)
        os.mkdir(f"{directory}/{contract.ROOT}")

    def _base(self, layout: Layout, first: tuple[str, ...]) -> dict[str, str]:
        given = self._setup.environ
        base = {name: given[name] for name in _PASSED_ON if name in given}
        base.setdefault("HOME", layout.root)
        base["PATH"] = ":".join((*first, given.get("PATH") or run.STANDARD_PATH))
        base["TMPDIR"] = layout.root
        return base

    def _working_directory(self, wanted: str, layout: Layout) -> str:
        """A directory that the host has is the host's; any other is made in the pod's own."""
        if not wanted or wanted == "/":
            os.makedirs(layout.root, exist_ok=True)
            return layout.root
        place = layout.host(wanted)
        if not os.path.isdir(place):
            place = layout.root + "/" + wanted.strip("/")
            os.makedirs(place, exist_ok=True)
        return place
