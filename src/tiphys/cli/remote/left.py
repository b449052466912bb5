"""What a workflow of a server leaves at work there, where the server can tell."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tiphys.cli.remote.connecting import Remote
from tiphys.client.objects import Objects
from tiphys.errors import TiphysError


def say_what_is_left(remote: Remote, workflow: Mapping[str, Any]) -> None:
    """Say it of a workflow that has ended, if a template of it makes objects."""
    status = workflow.get("status") or {}
    places = ("storedTemplates", "storedWorkflowTemplateSpec")
    templates = str([workflow.get("spec"), *map(status.get, places)])
    if status.get("finishedAt") and "'resource'" in templates:
        metadata = workflow["metadata"]
        say_what_goes_on(remote, metadata.get("namespace", ""), metadata["name"])


def say_what_goes_on(remote: Remote, namespace: str, workflow: str) -> None:
    """Say on standard error which objects that a workflow made are at work still.

    Nothing is said by Argo's server, and to one who may not look.
    """
    from tiphys.cli.render.left import left_lines
    from tiphys.compile.workloads.standing import standing

    with suppress(TiphysError):  # the workflow itself was dealt with: that is what was asked for
        made = Objects(remote.client, namespace).list(workflow=workflow)
        found = [item for item in made if standing({**item}).is_at_work]
        lines = left_lines(workflow, namespace, [{**item} for item in found])
        sys.stderr.write("".join(f"{line}\n" for line in lines))
