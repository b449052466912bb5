"""Fill the volumes that a pod brings along: empty directories, and files from objects.

Runs before anything of the pod does. The job directory is private to the user, secret files with
it; `forget_secrets` removes them when the pod is over.
Source: Kubernetes pkg/volume/{configmap,secret,projected,downwardapi}.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Final, NamedTuple

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.config import ConfigKind, Values
from tiphys.executor.fields import field_value, resource_value
from tiphys.executor.layout import Spot
from tiphys.executor.members import containers_of, object_of, used_volumes
from tiphys.executor.placed import make_folders
from tiphys.executor.volumes import Places, allowed_host_path, mounts_of
from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject

_DEFAULT_MODE: Final = 0o644
_SECRET_KINDS: Final = ("secret", "projected")


class _File(NamedTuple):
    path: str
    content: bytes
    mode: int


def make_volumes(job: JobSpec, directory: str, places: Places, values: Values) -> None:
    """Make and fill the volumes of a pod. Blocks; raises Permanent and OSError.

    A claim's directory must be there already.
    """
    group = (job.template.security_context or {}).get("fsGroup")
    for volume in used_volumes(job):
        name = str(volume.get("name", ""))
        folder = f"{directory}/{contract.VOLUMES}/{name}"
        if "persistentVolumeClaim" in volume or "hostPath" in volume:
            _look_at_host_path(name, volume, places)
            continue
        os.makedirs(folder, mode=0o755, exist_ok=True)
        try:
            files = list(_files(job, volume, values))
        except Permanent as exc:
            raise Permanent(f'MountVolume.SetUp failed for volume "{name}" : {exc}') from exc
        for file in files:
            _write(folder, file, group if isinstance(group, int) else None)
        if not any(kind in volume for kind in ("configMap", "secret", "projected", "downwardAPI")):
            os.chmod(folder, 0o777)  # noqa: S103 - as an emptyDir is
    for container in containers_of(job):
        for mount in mounts_of(job, container, directory, places, values):
            if os.path.lexists(mount.source):
                continue
            if mount.source == mount.volume:
                os.makedirs(mount.source, mode=0o755, exist_ok=True)
            else:  # a subPath that nobody has made
                make_folders(Spot(mount.source, within=mount.volume))


def _look_at_host_path(name: str, volume: JsonObject, places: Places) -> None:
    """Make or check the path of a hostPath volume, as its type asks for.

    Source: Kubernetes pkg/volume/hostpath, checkType.
    """
    given = object_of(volume.get("hostPath"))
    path, kind = str(given.get("path") or ""), str(given.get("type") or "")
    if not given:
        return
    if kind in ("DirectoryOrCreate", "FileOrCreate") and not os.path.exists(path):
        allowed_host_path(name, path, places)
        os.makedirs(path if kind == "DirectoryOrCreate" else os.path.dirname(path), exist_ok=True)
        if kind == "FileOrCreate":
            contract.write_file(path, b"")
    if kind.startswith("Directory") and not os.path.isdir(path):
        raise Permanent(f"hostPath type check failed: {path} is not a directory")
    if kind.startswith("File") and not os.path.isfile(path):
        raise Permanent(f"hostPath type check failed: {path} is not a file")


# ------------------------------------------------------------------------------- their files


def _files(job: JobSpec, volume: JsonObject, values: Values) -> Iterator[_File]:
    if isinstance(source := volume.get("projected"), dict):
        mode = _mode(source.get("defaultMode"), _DEFAULT_MODE)
        sources = source.get("sources")
        for item in sources if isinstance(sources, list) else ():
            yield from _source(job, object_of(item), values, mode)
    else:
        yield from _source(job, volume, values, _DEFAULT_MODE)


def _source(job: JobSpec, given: JsonObject, values: Values, mode: int) -> Iterator[_File]:
    if isinstance(source := given.get("configMap"), dict):
        yield from _of_object("ConfigMap", str(source.get("name", "")), source, values, mode)
    elif isinstance(source := given.get("secret"), dict):
        name = str(source.get("secretName") or source.get("name") or "")
        yield from _of_object("Secret", name, source, values, mode)
    elif isinstance(source := given.get("downwardAPI"), dict):
        yield from _of_pod(job, source, mode)
    elif kind := next((key for key in given if key not in ("name", "emptyDir")), ""):
        raise Permanent(f"{kind} cannot be had on this machine")


def _of_object(
    kind: ConfigKind, name: str, source: JsonObject, values: Values, mode: int
) -> Iterator[_File]:
    """Yield the files of a ConfigMap or Secret: all of its keys, or those that `items` names."""
    optional = source.get("optional") is True
    data = values.data(kind, name, optional)
    mode = _mode(source.get("defaultMode"), mode)
    items = source.get("items")
    if not isinstance(items, list) or not items:
        for key, value in data.items():
            yield _File(key, value.reveal(), mode)
        return
    for item in map(object_of, items):
        key = str(item.get("key", ""))
        if key in data:
            own = _mode(item.get("mode"), mode)
            yield _File(str(item.get("path", "")), data[key].reveal(), own)
        elif not optional:
            raise Permanent(f"references non-existent {_word(kind)} key: {key}")


def _word(kind: ConfigKind) -> str:
    return "config" if kind == "ConfigMap" else "secret"


def _of_pod(job: JobSpec, source: JsonObject, mode: int) -> Iterator[_File]:
    """Yield the files of the downward API."""
    mode = _mode(source.get("defaultMode"), mode)
    items = source.get("items")
    for item in map(object_of, items if isinstance(items, list) else ()):
        if isinstance(reference := item.get("fieldRef"), dict):
            text = field_value(job, reference)
        else:
            text = resource_value(job, None, object_of(item.get("resourceFieldRef")))
        yield _File(str(item.get("path", "")), text.encode(), _mode(item.get("mode"), mode))


def _mode(value: Json, otherwise: int) -> int:
    return value & 0o777 if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _write(folder: str, file: _File, group: int | None) -> None:
    """Write one file of a volume; its path stays inside. A `group` (the pod's fsGroup) may read it.

    Only root can give a file to any group. Source: Kubernetes pkg/volume/volume_linux.go.
    """
    path = file.path
    if not path or path.startswith("/") or ".." in path.split("/"):
        raise Permanent(f"{path!r} cannot be a path in a volume")
    target = f"{folder}/{path}"
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)  # of an earlier try, perhaps read-only
    contract.write_file(target, file.content, 0o600)
    mode = file.mode
    if group is not None and os.geteuid() == 0:
        os.chown(target, -1, group)
        mode |= 0o440
    os.chmod(target, mode)


def forget_secrets(job: JobSpec, directory: str) -> None:
    """Remove what a pod that is over had of Secrets."""
    for volume in used_volumes(job):
        if any(kind in volume for kind in _SECRET_KINDS):
            folder = f"{directory}/{contract.VOLUMES}/{volume.get('name')}"
            shutil.rmtree(folder, ignore_errors=True)
