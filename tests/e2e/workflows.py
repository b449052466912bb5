"""Workflows for the end-to-end tests, as plain JSON."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def workflow(name: str, *templates: Json, **spec: Any) -> Json:
    """Return a workflow whose first template is its entrypoint."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {"entrypoint": templates[0]["name"], "templates": [*templates], **spec},
    }


def shell(name: str, source: str, **fields: Any) -> Json:
    """Return a template that runs a piece of shell."""
    script = {"image": "busybox", "command": ["sh"], "source": source}
    return {"name": name, "script": script, **fields}


def inputs(*parameters: str, **artifacts: str) -> Json:
    """Return the inputs of a template: parameters, and artifacts with their paths."""
    return {
        "parameters": [{"name": name} for name in parameters],
        "artifacts": [{"name": name, "path": path} for name, path in artifacts.items()],
    }


def given(**parameters: str) -> Json:
    """Return the arguments of a step or task."""
    return {"parameters": [{"name": name, "value": text} for name, text in parameters.items()]}


def hello(name: str = "hello", text: str = "hello world") -> Json:
    """Return the smallest workflow."""
    container = {"image": "busybox", "command": ["echo"], "args": [text]}
    return workflow(name, {"name": "say", "container": container})
