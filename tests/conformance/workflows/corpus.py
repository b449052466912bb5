"""Rows of `expected.jsonl`, and the documents each of them is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EXPECTATIONS = "expected.jsonl"
SEPARATOR = re.compile(r"^---\s*$", re.MULTILINE)
HELPERS = {
    "WorkflowTemplate",
    "ClusterWorkflowTemplate",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
}


@dataclass(frozen=True)
class Row:
    """One expectation, and the folder its files are in."""

    folder: Path
    data: dict[str, Any]

    @property
    def label(self) -> str:
        """The row's name in reports: folder, file, document and variant."""
        text = f"{self.folder.name}/{self.data['file']}"
        if "doc" in self.data:
            text += f"#{self.data['doc']}"
        if "variant" in self.data:
            text += f"@{self.data['variant']}"
        return text

    @property
    def documents(self) -> list[str]:
        """The non-empty parts of the row's file."""
        return split(self.folder / self.data["file"])

    @property
    def document(self) -> str:
        """The part of the file that the row is about."""
        return self.documents[self.data.get("doc", 0)]


@dataclass(frozen=True)
class Prepared:
    """The texts of a run: the workflow, then what must be known or created before."""

    workflow: str
    helpers: list[str]


def load(directory: Path) -> Iterator[Row]:
    """Yield the rows of a folder, or of every folder below it that has expectations."""
    folders = [directory] if (directory / EXPECTATIONS).exists() else sorted(directory.iterdir())
    for folder in folders:
        path = folder / EXPECTATIONS
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                yield Row(folder, json.loads(line))


def split(path: Path) -> list[str]:
    """Return the non-empty documents of a file, as text."""
    return [part for part in SEPARATOR.split(path.read_text(encoding="utf-8")) if part.strip()]


def prepare(row: Row, moment: int) -> Prepared:
    """Return what to run for a row; `moment` is the time a schedule is said to have fired."""
    helpers = [text for text in row.documents if _kind(text) in HELPERS]
    for other in row.data.get("with", []):
        helpers += [text for text in split(row.folder / other) if _kind(text) in HELPERS]
    helpers += [json.dumps(item) for item in row.data.get("setup", [])]
    return Prepared(_workflow(row, moment), helpers)


def _workflow(row: Row, moment: int) -> str:
    how = row.data.get("runs")
    if how is None:
        return row.document
    body = yaml.safe_load(row.document)
    if how.startswith("submitted with"):
        return json.dumps(_referring(body))
    return json.dumps(_fired(body, moment))


def _referring(template: dict[str, Any]) -> dict[str, Any]:
    reference = {"name": template["metadata"]["name"]}
    if template["kind"] == "ClusterWorkflowTemplate":
        reference["clusterScope"] = True
    meta = {"generateName": f"{reference['name']}-"}
    return _object(meta, {"workflowTemplateRef": reference})


def _fired(cron: dict[str, Any], moment: int) -> dict[str, Any]:
    """The child of a schedule, as Argo's cron operator makes it."""
    meta = dict(cron["spec"].get("workflowMetadata") or {})
    meta["name"] = f"{cron['metadata']['name']}-{moment}"
    return _object(meta, cron["spec"]["workflowSpec"])


def _object(meta: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": meta,
        "spec": spec,
    }


def _kind(text: str) -> str:
    found = re.search(r"^kind:\s*[\"']?(\w+)", text, re.MULTILINE)
    return found.group(1) if found else ""
