"""What a local runtime is given besides jobs: images, objects, volumes, the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tiphys.executor.volumes import Places
from tiphys.ports import Capabilities, Objects
from tiphys.runtime.images import ImageRule

FEATURES: Final = frozenset(
    {"container", "script", "artifacts", "logs", "containerSet", "daemon", "sidecars"}
    | {"initContainers", "probes", "lifecycle", "envFrom", "volumes.emptyDir"}
    | {"volumes.configMap", "volumes.secret", "volumes.projected", "volumes.downwardAPI"}
    | {"volumes.hostPath", "volumes.persistentVolumeClaim", "volumes.subPath"}
)
"""All that local runtimes can do, if the setup gives them what it takes."""


@dataclass(frozen=True, slots=True)
class Setup:
    """`environ` is the environment of the engine, from which a runtime may pass some on.

    `objects` holds ConfigMaps, Secrets and claims. `places` says where volumes are, `unpacked`
    where images that come as a tar file are unpacked. `node_labels` are this machine's, if it is to
    be chosen by them.
    """

    images: Sequence[ImageRule] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    objects: Objects | None = None
    places: Places = field(default_factory=Places)
    unpacked: Path | None = None
    node_labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def capabilities(self) -> Capabilities:
        """What can be done with it."""
        missing = set()
        if self.objects is None:
            missing |= {"envFrom", "volumes.configMap", "volumes.secret"}
        if not self.places.claims:
            missing.add("volumes.persistentVolumeClaim")
        if not self.places.host_paths:
            missing.add("volumes.hostPath")
        return Capabilities(FEATURES - missing)
