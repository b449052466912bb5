"""After the command: its verdict, its outputs, and one final report.

`capture_now` does what needs no waiting and is enough for most jobs; `capture` also saves
artifacts and logs. Outputs are saved after a failure as well, as in Argo.
Source: reference/executor.md 5 and 6, reference/kubernetes.md 4.4.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from tiphys.errors import Permanent, TiphysError
from tiphys.executor import archive, contract
from tiphys.executor.ends import PodEnd, Verdict, member_ends, pod_verdict
from tiphys.executor.layout import Layout
from tiphys.executor.members import MAIN, main_container, mains_of, name_of
from tiphys.executor.meter import Meter
from tiphys.executor.moving import MoveFile
from tiphys.executor.opened import Item, keep, opened
from tiphys.executor.stage import clean_path
from tiphys.executor.transfers import RETRY, DriverOf, Retry, Transfers
from tiphys.messages import ContainerReported, JobFinished, JobSpec
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.artifacts import Artifact, ArtifactLocation, LocalArtifact, location_type
from tiphys.model.locations import key_only, with_key
from tiphys.ports import Stored

RESULT_BYTES: Final = 262144
_PARAMETER_BYTES: Final = 1 << 26
_TERMINATION_BYTES: Final = 4096
_DEADLINE_TEXTS: Final = {
    b"seconds": "Pod was active on the node longer than the specified deadline",
    b"at": "Step exceeded its deadline",
}


@dataclass(slots=True)
class _Captured:
    """What was found so far; `errors` are in the order of Argo's steps, the first one counts."""

    result: str | None = None
    parameters: list[Parameter] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)
    """Size and digest of each artifact, by its name."""


def needs_saving(job: JobSpec) -> bool:
    """Tell whether there are bytes to move: then `capture` is needed."""
    return bool(job.template.outputs.artifacts) or job.archive_logs


def capture_now(job: JobSpec, layout: Layout, end: int | PodEnd, ended_at: float) -> JobFinished:
    """Return the final report of a job without artifacts.

    `end` is the command's exit code or how the pod ended; `ended_at` is used if no time is known.
    """
    found = _Captured()
    _capture_values(job, layout, found)
    return _report(job, layout, end, ended_at, found)


async def capture(
    job: JobSpec,
    layout: Layout,
    end: int | PodEnd,
    ended_at: float,
    drivers: DriverOf,
    retry: Retry = RETRY,
) -> JobFinished:
    """Return the final report after the artifacts and the log are in their stores."""
    found, transfers = _Captured(), Transfers(job.template.archive_location, drivers, retry)
    await asyncio.to_thread(_capture_values, job, layout, found)
    failures = []
    for artifact in job.template.outputs.artifacts:
        try:
            saved = await _save(artifact, layout, transfers, found)
        except (TiphysError, OSError) as exc:
            failures.append(of_artifact(artifact, str(exc)))
        else:
            found.artifacts += [saved] if saved is not None else []
    if failures:
        # Argo joins like this, with the separator after the last one as well.
        found.errors.append(
            "".join(f"{text}; " for text in failures) if failures[1:] else failures[0]
        )
    if job.archive_logs:
        for name in sorted({name_of(job, container) for container in mains_of(job)}):
            await _save_log(job, layout, transfers, found, name)
    contract.write_stored(layout.directory, found.stored)
    return _report(job, layout, end, ended_at, found)


# ------------------------------------------------------------------------- result, parameters


def _capture_values(job: JobSpec, layout: Layout, found: _Captured) -> None:
    if job.capture_result and (job.template.container_set is None or main_container(job)):
        found.result = read_result(f"{layout.directory}/{contract.STDOUT}")
    try:
        for parameter in job.template.outputs.parameters:
            found.parameters.append(_parameter(parameter, layout))
    except Permanent as exc:
        found.errors.append(str(exc))


def read_result(path: str) -> str:
    """Return the last 256 KiB of standard output without one newline at its end.

    Bytes that are not UTF-8 become U+FFFD, as in the JSON that Argo writes.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - RESULT_BYTES - 1))
            content = file.read(RESULT_BYTES + 1)
    except OSError:
        return ""
    return content.removesuffix(b"\n")[-RESULT_BYTES:].decode("utf-8", "replace")


def _parameter(parameter: Parameter, layout: Layout) -> Parameter:
    source = parameter.value_from
    if source is None or not source.path:
        return parameter
    content = _content(layout, source.path)
    if content is not None:
        value = content.decode("utf-8", "replace")
    elif source.default is not None:
        value = source.default
    else:
        raise Permanent(no_parameter(source.path))
    return replace(parameter, value=value.removesuffix("\n"))


def _content(layout: Layout, path: str) -> bytes | None:
    try:
        with opened(layout.spot(path)) as item:
            if item.is_file:
                return contract.read_open(item.fd, _PARAMETER_BYTES)
            return None if item.is_folder or item.is_link else b""  # a pipe that nobody writes to
    except OSError:
        return None


def no_parameter(path: str) -> str:
    """Return Argo's text for an output parameter whose file is missing."""
    return f"open /var/run/argo/outputs/parameters{path}: no such file or directory"


def no_artifact(path: str) -> str:
    """Return Argo's text for an output artifact that is missing."""
    base = "/var/run/argo/outputs/artifacts"
    return f"open {base}{path.rstrip('/')}.tgz: no such file or directory"


# ----------------------------------------------------------------------------- artifacts, log


async def _save(
    artifact: Artifact, layout: Layout, transfers: Transfers, found: _Captured
) -> Artifact | None:
    """Pack and store one artifact; None if it is optional and not there."""
    path = clean_path(artifact)
    # What is stored is a copy that no pod can reach: drivers read it by its name, with our rights.
    scratch = Path(layout.directory, contract.OUTPUTS, "artifacts")
    plain = archive.is_none(artifact.archive)
    name = posixpath.basename(path) or "root"
    packed = scratch / (artifact.name + (".d" if plain else archive.suffix(artifact.archive)))
    kept = packed / name if plain else packed
    file = MoveFile(layout.directory)
    try:
        with file.showing(Meter(artifact.name, "packing")) as meter:
            meter.grow("" if plain else str(packed))
            there = await asyncio.to_thread(_pack, artifact, path, layout, kept)
        if not there:
            if artifact.optional:
                return None
            raise Permanent(no_artifact(artifact.path))
        with file.showing(Meter(artifact.name, "saving", _size_of(kept))) as meter:
            found.stored[artifact.name] = await transfers.save(kept, artifact, meter)
    finally:
        await asyncio.to_thread(_remove, packed)
    return artifact


def _size_of(source: Path) -> int | None:
    """Return a file's size in bytes; that of a tree would take a walk of its own."""
    return source.stat().st_size if source.is_file() else None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _pack(artifact: Artifact, path: str, layout: Layout, kept: Path) -> bool:
    """Put an artifact's content at `kept`; False if there is nothing at its path."""
    _remove(kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    plain = archive.is_none(artifact.archive)
    keeps_links = not plain and archive.suffix(artifact.archive) == ".tgz"

    def behind(name: str) -> AbstractContextManager[Item]:
        return opened(layout.spot(f"{path}/{name}"))

    with _output(path, layout, keeps_links) as item:
        if item is None:
            return False
        try:
            if plain:
                keep(item, kept)
            else:
                archive.pack(item, kept, artifact.archive, path, behind)
        except OSError as exc:
            raise Permanent(f"cannot pack {path}: {exc}") from exc
    return True


@contextmanager
def _output(path: str, layout: Layout, keeps_links: bool) -> Iterator[Item | None]:
    """Open what is to be saved, None if nothing is there.

    A link to a file is that file. One to a directory stays a link where links can be kept, as in
    Argo, and so does one to nothing; elsewhere it is that directory, and one to nothing is
    refused. What a link leads to is what the pod had there, never what this machine has.
    Raises Permanent and OSError. Source: reference/executor.md 6.3.
    """
    with ExitStack() as stack:
        try:
            item = stack.enter_context(opened(layout.spot(path, follows=False)))
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        if item.is_link:
            target = _behind(stack, layout, path)
            if target is not None and (target.is_file or not keeps_links):
                item = target
            elif not keeps_links:
                text = f"{path} is a link to {item.link}, where the pod has no file or directory"
                raise Permanent(f"{text} that can be saved")
        yield item


def _behind(stack: ExitStack, layout: Layout, path: str) -> Item | None:
    try:
        item = stack.enter_context(opened(layout.spot(path)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return item if item.is_file or item.is_folder else None


async def _save_log(
    job: JobSpec, layout: Layout, transfers: Transfers, found: _Captured, name: str
) -> None:
    log = Path(layout.directory, contract.log_of(name))
    if not log.exists():
        return
    artifact = log_artifact(job, name)
    try:
        found.stored[artifact.name] = await transfers.save(log, artifact)
    except (TiphysError, OSError) as exc:
        found.errors.append(str(exc))
    else:
        found.artifacts.append(artifact)


def log_artifact(job: JobSpec, container: str = MAIN) -> Artifact:
    """Return `<container>-logs`, at `<key_prefix>/<container>.log` of the archive location.

    Source: reference/executor.md 6.4.
    """
    where = job.template.archive_location or ArtifactLocation()
    kind, key = location_type(where), f"{job.key_prefix}/{container}.log"
    if not kind:
        return Artifact(name=f"{container}-logs", local=LocalArtifact(key=key))
    moved = key_only(with_key(where, key))
    return Artifact(name=f"{container}-logs", **{kind: getattr(moved, kind)})


# ------------------------------------------------------------------------------------ verdict


def of_artifact(artifact: Artifact, text: str) -> str:
    """Return why an output artifact was not saved, with its name and path after Argo's words."""
    return f"{text} (output artifact {artifact.name}, path {artifact.path})"


def verdict(code: int, deadline: str, termination: str, errors: list[str]) -> Verdict:
    """Return phase and message: deadline, then main, then what went wrong while saving.

    Source: reference/kubernetes.md 4.4.
    """
    if deadline:
        return "Failed", deadline
    if code:
        text = f"main: Error (exit code {code})"
        return "Failed", f"{text}: {termination}" if termination else text
    if errors:
        return "Error", f"wait: Error (exit code {contract.CANNOT_START}): {errors[0]}"
    return "Succeeded", ""


def _report(
    job: JobSpec, layout: Layout, end: int | PodEnd, ended_at: float, found: _Captured
) -> JobFinished:
    deadline = ""
    if end != 0 or job.deadline_seconds is not None or job.deadline_at is not None:
        deadline = deadline_text(layout.directory)
    members: tuple[ContainerReported, ...] = ()
    if isinstance(end, PodEnd):
        phase, message = pod_verdict(end, deadline, found.errors)
        members, code = member_ends(job, end), end.main_code
    else:
        termination = termination_text(layout) if end and not deadline else ""
        phase, message = verdict(end, deadline, termination, found.errors)
        code = end
    measured = contract.read_usage(layout.directory)
    measured = measured or contract.UsageFile(ended_at, ended_at)
    return JobFinished(
        job=job.id,
        phase=phase,
        message=message,
        outputs=Outputs(
            parameters=tuple(found.parameters),
            artifacts=tuple(found.artifacts),
            result=found.result,
            exit_code=None if code is None else str(code),
        ),
        usage=measured.usage(),
        started_at=measured.started_at,
        finished_at=measured.finished_at,
        containers=members,
    )


def deadline_text(directory: str) -> str:
    """Return the message for the deadline that ended the job, "" if none did."""
    kind = contract.read_file(f"{directory}/{contract.DEADLINE}", 16)
    return _DEADLINE_TEXTS.get(kind or b"", "")


def termination_text(layout: Layout) -> str:
    """Return what was left in the termination log: by the launcher, else by the job."""
    for path in (f"{layout.directory}/{contract.TERMINATION_LOG}", layout.termination_log):
        if content := contract.read_file(path, _TERMINATION_BYTES):
            return content.decode("utf-8", "replace").rstrip("\n")
    return ""


def stopped_early(
    job: JobSpec, phase: Literal["Failed", "Error"], message: str, at: float
) -> JobFinished:
    """Return the report of a job whose command never ran."""
    return JobFinished(
        job=job.id, phase=phase, message=message, outputs=Outputs(), started_at=at, finished_at=at
    )


def init_failed(job: JobSpec, cause: object, at: float) -> JobFinished:
    """Return the report of a job that could not be staged or started."""
    text = f"init: Error (exit code {contract.CANNOT_START}): {cause}"
    return stopped_early(job, "Error", text, at)


def capture_failed(job: JobSpec, cause: object, at: float) -> JobFinished:
    """Return the report of a job whose outputs could not be looked at."""
    text = f"wait: Error (exit code {contract.CANNOT_START}): {cause}"
    return stopped_early(job, "Error", text, at)
