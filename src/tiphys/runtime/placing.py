"""Whether this machine is a node that a pod may run on: `nodeSelector` against its labels.

Not here: affinity and tolerations, which are noted only; when a pod that has no place ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""Go's names, which the kubelet uses, where the kernel has others."""
_KNOWN: Final = {
    "os": frozenset(["linux", "windows"]),
    "arch": frozenset(["386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x"]),
}
"""What the nodes of a cluster may be: Kubernetes' supported platforms, in Go's names."""
_TEXT: Final = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector"


def unmet(selector: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Return why a pod with this selector has no place, in the scheduler's words, or "".

    `given` are the labels of the setting `node_labels`. Without them only a system or architecture
    that no node of any cluster has keeps a pod away: all else says something about a cluster, which
    this machine is not. Differs: a cluster looks at every label.
    Source: the texts of pkg/scheduler/framework/plugins/nodeaffinity, node_affinity.go.
    """
    labels = {**_own(), **given}
    missing = [
        f"{key}={value}"
        for key, value in sorted(selector.items())
        if (labels.get(key) != value if given else _is_nowhere(key, value))
    ]
    return f"{_TEXT} ({', '.join(missing)})" if missing else ""


def _is_nowhere(key: str, value: str) -> bool:
    prefix, _, name = key.rpartition("/")
    known = _KNOWN.get(name) if prefix in ("kubernetes.io", "beta.kubernetes.io") else None
    return known is not None and value not in known


def _own() -> dict[str, str]:
    machine = os.uname()
    system = machine.sysname.lower()
    architecture = _ARCHITECTURES.get(machine.machine, machine.machine)
    return {
        f"{prefix}kubernetes.io/{name}": value
        for prefix in ("", "beta.")
        for name, value in (("os", system), ("arch", architecture))
    }
