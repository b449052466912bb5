"""Whether this machine is a node that a pod may run on: `nodeSelector` against its labels.

Not here: affinity and tolerations, which are noted only; when a pod that has no place ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""Go's names, which the kubelet uses, where the kernel has others."""
_TEXT: Final = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector"


def unmet(selector: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Return why a pod with this selector has no place here, in the scheduler's words, or "".

    `given` are the labels of the setting `node_labels`. Without them only what the machine is by
    itself counts, its system and architecture; labels of a cluster's nodes say nothing about it.
    Differs: a cluster looks at every label.
    Source: the texts of pkg/scheduler/framework/plugins/nodeaffinity, node_affinity.go.
    """
    labels = {**_own(), **given}
    missing = [
        f"{key}={value}"
        for key, value in sorted(selector.items())
        if labels.get(key, "" if given else value) != value
    ]
    return f"{_TEXT} ({', '.join(missing)})" if missing else ""


def _own() -> dict[str, str]:
    machine = os.uname()
    system = machine.sysname.lower()
    architecture = _ARCHITECTURES.get(machine.machine, machine.machine)
    return {
        f"{prefix}kubernetes.io/{name}": value
        for prefix in ("", "beta.")
        for name, value in (("os", system), ("arch", architecture))
    }
