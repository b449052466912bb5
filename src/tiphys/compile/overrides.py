"""Parameters that a person gives in the place of a workflow's own.

Source: reference/engine-operations.md 12.1; argo workflow/util/util.go, overrideParameters.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tiphys.model.arguments import Parameter
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow


def with_parameters(spec: WorkflowSpec, given: Mapping[str, str]) -> WorkflowSpec:
    """Return a spec with these parameters first, and then those of its own that are not given.

    Nothing is left of an own one that is overridden: no enum, no description.
    """
    if not given:
        return spec
    first = tuple(Parameter(name=name, value=value) for name, value in given.items())
    rest = tuple(item for item in spec.arguments.parameters if item.name not in given)
    return replace(spec, arguments=replace(spec.arguments, parameters=first + rest))


def overridden(workflow: Workflow, given: Mapping[str, str]) -> Workflow:
    """Return a workflow whose spec has these parameters."""
    return replace(workflow, spec=with_parameters(workflow.spec, given)) if given else workflow
