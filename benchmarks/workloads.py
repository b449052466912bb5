"""The same work for Tiphys, for make and for bare bubblewrap: steps that do nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STEP = "nothing"


def hello(folder: Path) -> Path:
    """Write a workflow of one step."""
    return _write(folder, "hello", {"entrypoint": STEP, "templates": [_container()]})


def fan_out(folder: Path, count: int) -> Path:
    """Write a workflow of `count` steps that depend on nothing."""
    steps = [[{"name": "n", "template": STEP, "withSequence": {"count": str(count)}}]]
    return _write(folder, "fan-out", _spec({"name": "all", "steps": steps}))


def chain(folder: Path, count: int) -> Path:
    """Write a workflow of `count` steps, each after the one before."""
    tasks: list[dict[str, Any]] = [{"name": "t0", "template": STEP}]
    tasks += [{"name": f"t{i}", "template": STEP, "depends": f"t{i - 1}"} for i in range(1, count)]
    return _write(folder, "chain", _spec({"name": "all", "dag": {"tasks": tasks}}))


def makefile(folder: Path, count: int, is_chain: bool) -> Path:
    """Write the same for make."""
    lines = [f"all: {' '.join(f't{i}' for i in range(count))}", "\t@:"]
    for index in range(count):
        before = f" t{index - 1}" if is_chain and index else ""
        lines += [f"t{index}:{before}", "\t@true"]
    path = folder / f"Makefile-{'chain' if is_chain else 'fan-out'}"
    path.write_text("\n".join(lines) + "\n")
    return path


def loop(count: int, words: Sequence[str]) -> list[str]:
    """Return a command that runs another one so many times, one after the other."""
    script = f"i=0; while [ $i -lt {count} ]; do {shlex.join(words)}; i=$((i + 1)); done"
    return ["sh", "-c", script]


def _container() -> dict[str, Any]:
    return {"name": STEP, "container": {"image": "busybox", "command": ["true"]}}


def _spec(template: dict[str, Any]) -> dict[str, Any]:
    return {"entrypoint": template["name"], "templates": [template, _container()]}


def _write(folder: Path, name: str, spec: dict[str, Any]) -> Path:
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{name}-"},
        "spec": spec,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return path
