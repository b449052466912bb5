"""The holder of a pod's network: an image of our own with a program that only waits.

It is written here, machine code and all, so that no registry has to be asked for it.
"""

from __future__ import annotations

import io
import struct
import tarfile
from typing import Final

from tiphys.errors import Permanent

REPOSITORY: Final = "localhost/tiphys-pause"
TAG: Final = "latest"  # podman would ignore any other
IMAGE: Final = f"{REPOSITORY}:{TAG}"
_BASE: Final = 0x400000
_HEADERS_BYTES: Final = 64 + 56
_CODE: Final = {
    # pause(), again and again
    "x86_64": (62, bytes.fromhex("b8220000000f05ebf7")),
    # ppoll(0, 0, 0, 0), again and again
    "aarch64": (
        183,
        struct.pack(
            "<7I",
            0xD2800000,
            0xD2800001,
            0xD2800002,
            0xD2800003,
            0xD2800928,
            0xD4000001,
            0x17FFFFFA,
        ),
    ),
}


def pause_program(machine: str) -> bytes:
    """Return an executable that waits for ever. Raises Permanent for an unknown processor."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if machine not in _CODE:
        raise Permanent(
            f"pods of several containers cannot have a network of their own on {machine}: "
            "set `container_network: host`"
        )
    number, code = _CODE[machine]
    size = _HEADERS_BYTES + len(code)
    head = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    head += struct.pack(
        "<HHIQQQIHHHHHH", 2, number, 1, _BASE + _HEADERS_BYTES, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000) + code


def pause_image(machine: str) -> bytes:
    """Return the image's only layer, a tar."""
    program = pause_program(machine)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("pause")
        info.size, info.mode = len(program), 0o755
        tar.addfile(info, io.BytesIO(program))
    return buffer.getvalue()
