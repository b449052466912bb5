"""Defaults under documents: templateDefaults under a template, workflowDefaults under a workflow.

Called when a workflow is admitted and lowered. Source: reference/resources.md 6.6 and 8,
engine.md 2.2; Argo workflow/templateresolution/context.go and workflow/util/merge.go.
"""

from __future__ import annotations

from typing import Final

from tiphys.model.base import JsonObject
from tiphys.model.codec import convert, encode
from tiphys.model.merge import strategic_merge
from tiphys.model.templates import Template, template_type
from tiphys.model.workflow import Workflow

_TYPE_FIELDS: Final = {
    "Container": "container",
    "ContainerSet": "containerSet",
    "Steps": "steps",
    "Script": "script",
    "Resource": "resource",
    "DAG": "dag",
    "Suspend": "suspend",
    "Data": "data",
    "HTTP": "http",
    "Plugin": "plugin",
}


def apply_template_defaults(template: Template, defaults: Template | None) -> Template:
    """Return `template` over the defaults; only the default of the template's own kind counts.

    Source: argo workflow/controller/operator.go, mergeTemplateDefaultsInto.
    """
    if defaults is None:
        return template
    own = _TYPE_FIELDS.get(template_type(template), "")
    base = encode(defaults)
    for name in _TYPE_FIELDS.values():
        if name != own:
            base.pop(name, None)
    base.pop("steps", None)
    patch = encode(template)
    if not template.name:  # a written-out empty name would win over the default's
        patch.pop("name", None)
    return convert(strategic_merge(base, patch), Template)


def apply_workflow_defaults(workflow: Workflow, defaults: JsonObject) -> Workflow:
    """Return `workflow` over the settings' workflowDefaults (spec, and labels and annotations).

    With a workflowTemplateRef only the metadata is merged here: the spec's defaults go under the
    template's (see `references.join_specs`). Source: reference/engine.md 2.2.
    """
    base: JsonObject = {
        key: value for key, value in defaults.items() if key in ("metadata", "spec")
    }
    if workflow.spec.workflow_template_ref is not None:
        base.pop("spec", None)
    metadata = base.get("metadata")
    if isinstance(metadata, dict):
        kept = ("labels", "annotations")
        base["metadata"] = {key: metadata[key] for key in kept if key in metadata}
    return convert(strategic_merge(base, encode(workflow)), Workflow)
