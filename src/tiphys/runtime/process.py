"""A job as plain processes in a directory: no isolation.

The working directory is the pod's own. Paths that the template declares (artifact paths, output
parameter paths, volume mounts, the script) are replaced in command, args, env and script by paths
in the job directory, so that parallel steps do not collide; any other path is the host's. The
environment is PATH, HOME, LANG, TMPDIR and USER, Argo's variables, and the template's.
"""

from __future__ import annotations

import os
import shutil
from typing import Final

from tiphys.executor import run
from tiphys.executor.layout import Layout, MappedLayout
from tiphys.messages import JobSpec
from tiphys.runtime.local import LocalRuntime

_PASSED_ON: Final = ("HOME", "LANG", "USER")


class ProcessRuntime(LocalRuntime):
    """Runs commands as they are, as the user who runs the engine."""

    name = "process"

    def layout(self, job: JobSpec, directory: str) -> Layout:
        """Return a layout that maps what the template declares."""
        return MappedLayout(directory, job)

    def launch(self, job: JobSpec, layout: Layout) -> run.Launch:
        """Return the command itself."""
        main = run.main_container(job)
        rule = self._images.rule(main.image if main is not None else "")
        env = self._base(layout, rule.bin)
        command = run.command_line(job, layout, rule.defaults)
        command[0] = run.known_here(
            command[0], lambda name: shutil.which(name, path=env["PATH"]) is not None
        )
        return run.Launch(
            command,
            run.environment(job, layout, env),
            self._working_directory(main.working_dir if main is not None else "", layout),
            "r" if job.capture_result else "-",
        )

    def _base(self, layout: Layout, first: tuple[str, ...]) -> dict[str, str]:
        path = self._environ.get("PATH") or run.STANDARD_PATH
        env = {name: self._environ[name] for name in _PASSED_ON if name in self._environ}
        env.setdefault("HOME", layout.root)
        env["PATH"] = ":".join((*first, path))
        env["TMPDIR"] = layout.root
        return env

    def _working_directory(self, wanted: str, layout: Layout) -> str:
        """A directory that the host has is the host's; any other is made in the pod's own."""
        if not wanted or wanted == "/":
            return layout.root
        place = layout.host(wanted)
        if not os.path.isdir(place):
            place = layout.root + "/" + wanted.strip("/")
            os.makedirs(place, exist_ok=True)
        return place
