"""Hatch build hook: compile the launcher into the package.

A build without a C compiler succeeds as well: the Python launcher is used instead.
`python tools/build_launcher.py` does the same in a checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path("src/tiphys/executor/launcher.c")
TARGET = Path("src/tiphys/executor/tiphys-launcher")


def build(project: Path) -> Path | None:
    """Return the compiled launcher, or None if there is no working compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    target = project / TARGET
    if compiler is None:
        print("tiphys: no C compiler, the Python launcher will be used", file=sys.stderr)
        return None
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    # A static program starts in half the time; not every system has the static C library.
    for extra in (["-static"], []):
        command = [*compiler.split(), "-O2", "-Wall", *extra]
        command += ["-s", "-o", str(scratch), str(project / SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            scratch.replace(target)
            return target
    print(f"tiphys: the launcher does not compile:\n{done.stderr}", file=sys.stderr)
    scratch.unlink(missing_ok=True)
    return None


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:
    pass
else:

    class LauncherHook(BuildHookInterface):  # type: ignore[type-arg]
        """Adds the compiled launcher to the wheel and makes the wheel platform-specific."""

        def initialize(self, version: str, build_data: dict[str, object]) -> None:
            """Compile; called by hatchling before it packs the wheel."""
            del version
            if self.target_name == "wheel" and build(Path(self.root)) is not None:
                build_data["pure_python"] = False
                build_data["tag"] = _wheel_tag()
                build_data["force_include"] = {str(TARGET): "tiphys/executor/tiphys-launcher"}

    def _wheel_tag() -> str:
        from sysconfig import get_platform

        return "py3-none-" + get_platform().replace("-", "_").replace(".", "_")


if __name__ == "__main__":
    sys.exit(0 if build(Path(__file__).resolve().parent.parent) else 1)
