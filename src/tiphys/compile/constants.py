"""The workflow variables that never change during a run.

Source: reference/language.md 5.1; argo workflow/controller/operator.go, setGlobalParameters.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tiphys.expr.gotime import rfc3339, strftime
from tiphys.expr.render import to_json
from tiphys.expr.values import Time
from tiphys.model.base import Json
from tiphys.model.codec import encode
from tiphys.model.configmaps import ConfigFault, config_value
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow

_LETTERS = "BbmAadHIMSYypZzL"
_SCHEDULED = "workflows.argoproj.io/scheduled-time"


def workflow_constants(workflow: Workflow, spec: WorkflowSpec, created_at: float) -> dict[str, str]:
    """Return workflow.* for a workflow with its execution spec; `created_at` in epoch seconds."""
    metadata = workflow.metadata
    found = {
        "workflow.name": metadata.name,
        "workflow.namespace": metadata.namespace,
        "workflow.uid": metadata.uid,
        "workflow.mainEntrypoint": spec.entrypoint,
        "workflow.serviceAccountName": spec.service_account_name,
    }
    if spec.priority is not None:
        found["workflow.priority"] = str(spec.priority)
    if _SCHEDULED in metadata.annotations:
        found["workflow.scheduledTime"] = metadata.annotations[_SCHEDULED]
    static = spec.workflow_metadata
    labels = {**(static.labels if static else {}), **metadata.labels}
    annotations = {**(static.annotations if static else {}), **metadata.annotations}
    return (
        found
        | _created(created_at)
        | _parameters(spec)
        | _mapping("labels", labels, metadata.labels)
        | _mapping("annotations", annotations, metadata.annotations)
    )


def with_config_values(spec: WorkflowSpec, configs: Mapping[str, Json]) -> tuple[WorkflowSpec, str]:
    """Return a spec whose arguments have the values of the ConfigMaps they name.

    The second result says why the workflow fails because one is missing, "" if none is.
    Source: reference/engine.md 2.3.
    """
    found, fault = [], ""
    for item in spec.arguments.parameters:
        source = item.value_from
        value = item.value
        if value is None and source is not None and source.config_map_key_ref is not None:
            reference = source.config_map_key_ref
            try:
                value = config_value(configs, reference.name, reference.key)
            except ConfigFault as exc:
                value = source.default
                if value is None:
                    fault = fault or f"failed to set global parameters: {exc.message}"
        found.append(replace(item, value=value))
    arguments = replace(spec.arguments, parameters=tuple(found))
    return replace(spec, arguments=arguments), fault


def _created(created_at: float) -> dict[str, str]:
    moment = Time(int(created_at) * 1_000_000_000)
    name = "workflow.creationTimestamp"
    found = {name: rfc3339(moment), f"{name}.RFC3339": rfc3339(moment)}
    found[f"{name}.s"] = str(int(created_at))
    return found | {f"{name}.{letter}": strftime(moment, f"%{letter}") for letter in _LETTERS}


def _parameters(spec: WorkflowSpec) -> dict[str, str]:
    parameters = spec.arguments.parameters
    found = {
        f"workflow.parameters.{item.name}": item.value
        for item in parameters
        if item.value is not None
    }
    text = to_json([encode(item) for item in parameters]) if parameters else "null"
    return found | {"workflow.parameters": text, "workflow.parameters.json": text}


def _mapping(what: str, every: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    whole: dict[str, Json] = dict(sorted(own.items()))
    text = to_json(whole) if whole else "null"
    found = {f"workflow.{what}": text, f"workflow.{what}.json": text}
    return found | {f"workflow.{what}.{key}": value for key, value in every.items()}
