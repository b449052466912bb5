"""The engines that the suites are run with, and the image they name, made here from busybox.

podman's service is the tests' own; it is rootless if they are run by somebody who is not root.
docker is the one that answers at the socket `TIPHYS_TEST_DOCKER`, or at its usual one.
"""

from __future__ import annotations

import atexit
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
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
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
    return _with_image(found, Path(busybox))


def _with_image(found: Found, busybox: Path) -> Found | str:
    """Return the engine when it has the image and runs it, else why it does not."""
    steps = {
        "import": [*client(found), "import", "-", IMAGE],
        "run": [*client(found), "run", "--rm", "--init", "--network", "none", IMAGE, "true"],
    }
    there = [*client(found), "image", "inspect", IMAGE]
    if subprocess.run(there, env=environ(), check=False, capture_output=True).returncode == 0:
        del steps["import"]
    for name, words in steps.items():
        content = _image(busybox) if name == "import" else b""
        done = subprocess.run(words, input=content, env=environ(), capture_output=True, check=False)
        if done.returncode:
            return f"{words[0]} {name}: {done.stderr.decode()}"
    return found


@cache
def docker() -> Found | str:
    """Return docker with the image in it, or why there is none here."""
    place = os.environ.get("TIPHYS_TEST_DOCKER", "/var/run/docker.sock")
    command, busybox = shutil.which("docker"), shutil.which("busybox")
    if command is None or busybox is None:
        return f"{'docker' if command is None else 'busybox-static'} is not installed"
    if not answers(place):
        return f"no docker answers at {place}"
    return _with_image(Found(place), Path(busybox))


def client(found: Found) -> list[str]:
    """Return the words that begin a command to an engine."""
    return [found.command] if found.command else ["docker", "-H", f"unix://{found.socket}"]


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


def need_engine(name: str = "podman") -> Found:
    """Return an engine; skip the test where there is none."""
    found = docker() if name == "docker" else engine()
    if isinstance(found, str):
        pytest.skip(f"no container engine: {found}")
    assert answers(found.socket) or not start_service(found, environ())
    return found


def containers_of_test(root: Path, found: Found) -> list[str]:
    """Return the containers of the jobs in a test's directory."""
    words = [
        *client(found),
        "ps",
        "-a",
        "--filter",
        "label=io.tiphys.run",
        "--format",
        "{{.Names}}",
    ]
    names = subprocess.run(
        words, env=environ(), capture_output=True, text=True, check=True
    ).stdout.split()
    known = {container_prefix(str(path)) for path in (root / "runs").glob("*/*")}
    return [name for name in names if any(name.startswith(item) for item in known)]


def container_prefix(directory: str) -> str:
    """Return how the names of a job's containers begin."""
    return container_name(directory, "").rstrip("-")
