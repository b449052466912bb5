"""A podman of the tests' own: its service, and the images they name, made here from busybox."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tiphys.runtime.engines.find import Found, answers, start_service
from tiphys.runtime.engines.pods import container_name

IMAGE = "docker.io/library/alpine:latest"
# What podman sets by itself needs more rights than a machine in a container gives.
_CONFIG = """
[engine]
runtime = "{runtime}"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
"""


@cache
def environ() -> dict[str, str]:
    """Return the environment in which podman works here."""
    folder = Path(tempfile.mkdtemp(prefix="tiphys-podman-"))
    runtime = "runc" if shutil.which("runc") else "crun"
    (folder / "containers.conf").write_text(_CONFIG.format(runtime=runtime))
    return {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}


@cache
def engine() -> Found | str:
    """Return podman with the image in it, or why there is none here."""
    podman, busybox = shutil.which("podman"), shutil.which("busybox")
    if podman is None:
        return "podman is not installed"
    if busybox is None:
        return "busybox-static is not installed"
    folder = Path(environ()["CONTAINERS_CONF"]).parent
    found = Found(str(folder / "podman.sock"), podman)
    if problem := start_service(found, environ()):
        return problem
    there = [podman, "image", "exists", IMAGE]
    if subprocess.run(there, env=environ(), check=False).returncode:
        done = subprocess.run(
            [podman, "import", "-", IMAGE],
            input=_image(Path(busybox)),
            env=environ(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            return f"podman import: {done.stderr.decode()}"
    tried = subprocess.run(
        [podman, "run", "--rm", "--init", IMAGE, "true"],
        env=environ(),
        capture_output=True,
        check=False,
    )
    return f"podman run: {tried.stderr.decode()}" if tried.returncode else found


def _image(busybox: Path) -> bytes:
    names = subprocess.run(
        [busybox, "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder, mode in (("bin", 0o755), ("tmp", 0o1777), ("etc", 0o755), ("root", 0o700)):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        tar.add(os.path.realpath(busybox), "bin/busybox")
        for name in names:
            if name != "busybox":
                info = tarfile.TarInfo(f"bin/{name}")
                info.type, info.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(info)
        users = b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n"
        info = tarfile.TarInfo("etc/passwd")
        info.size = len(users)
        tar.addfile(info, io.BytesIO(users))
    return buffer.getvalue()


def need_engine() -> Found:
    """Return the engine; skip the test where there is none."""
    found = engine()
    if isinstance(found, str):
        pytest.skip(f"no container engine: {found}")
    assert answers(found.socket) or not start_service(found, environ())
    return found


def containers_of_test(root: Path) -> list[str]:
    """Return the containers of the jobs in a test's directory."""
    words = ["podman", "ps", "-a", "--filter", "label=io.tiphys.run", "--format", "{{.Names}}"]
    names = subprocess.run(
        words, env=environ(), capture_output=True, text=True, check=True
    ).stdout.split()
    known = {container_prefix(str(path)) for path in (root / "runs").glob("*/*")}
    return [name for name in names if any(name.startswith(item) for item in known)]


def container_prefix(directory: str) -> str:
    """Return how the names of a job's containers begin."""
    return container_name(directory, "").rstrip("-")
