"""Hatch build hook: compile the launcher into the package.

A build without a C compiler succeeds as well: the Python launcher is used instead.
`python tools/build_launcher.py` does the same in a checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path("src/tiphys/executor/launcher.c")
OWN_LIBC = Path("src/tiphys/executor/launcher_libc.c")
TARGET = Path("src/tiphys/executor/tiphys-launcher")


def build(project: Path) -> Path | None:
    """Return the compiled launcher, or None if there is no working compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    target = project / TARGET
    if compiler is None:
        print("tiphys: no C compiler, the Python launcher will be used", file=sys.stderr)
        return None
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    said = ""
    for extra in _variants(project):
        command = [*compiler.split(), "-O2", "-Wall", "-s", "-o", str(scratch)]
        done = subprocess.run(
            [*command, str(project / SOURCE), *extra], capture_output=True, text=True, check=False
        )
        said = done.stderr
        if done.returncode == 0 and _works(scratch):
            scratch.replace(target)
            return target
    print(f"tiphys: the launcher does not compile:\n{said}", file=sys.stderr)
    scratch.unlink(missing_ok=True)
    return None


def _variants(project: Path) -> list[list[str]]:
    """Return what to add to the command line, fastest start first."""
    bare = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"]
    bare += ["-fno-asynchronous-unwind-tables", "-fno-tree-loop-distribute-patterns"]
    bare += ["-Wl,--build-id=none", "-Wl,-z,norelro", "-Wl,-z,noseparate-code"]
    return [[str(project / OWN_LIBC), *bare, "-lgcc"], ["-static"], []]


def _works(program: Path) -> bool:
    """Run a job with it: a compiler that succeeds proves little."""
    with tempfile.TemporaryDirectory() as folder:
        words = [folder, "0", "1", "-", "-", "r", "/", "sh", "-c", "echo yes; exit 7"]
        try:
            subprocess.run([str(program), *words], check=False, timeout=20)
            main = Path(folder, "ctr", "main")
            texts = [(main / name).read_text() for name in ("exitcode", "stdout", "combined")]
        except (OSError, subprocess.TimeoutExpired):
            return False
    return texts == ["7", "yes\n", "yes\n"]


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
