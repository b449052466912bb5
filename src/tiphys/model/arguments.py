"""Parameters and the three places they stand: inputs, outputs, arguments.

Source: reference/resources.md 5.2.
"""

from __future__ import annotations

from tiphys.model.artifacts import Artifact
from tiphys.model.base import AnyString, Model, always
from tiphys.model.meta import ConfigMapKeySelector


class SuppliedValueFrom(Model, frozen=True, kw_only=True):
    """Present: a person or the API supplies the value."""


class ValueFrom(Model, frozen=True, kw_only=True):
    """Where a parameter's value comes from."""

    path: str = ""
    json_path: str = ""
    jq_filter: str = ""
    event: str = ""
    parameter: str = ""
    supplied: SuppliedValueFrom | None = None
    config_map_key_ref: ConfigMapKeySelector | None = None
    default: AnyString | None = None
    expression: str = ""


class Parameter(Model, frozen=True, kw_only=True):
    """A named value; all texts are already normalised to strings."""

    name: str = always("")
    default: AnyString | None = None
    value: AnyString | None = None
    value_from: ValueFrom | None = None
    global_name: str = ""
    enum: tuple[AnyString, ...] | None = None
    description: AnyString | None = None


class Inputs(Model, frozen=True, kw_only=True):
    """What a template takes."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


class Outputs(Model, frozen=True, kw_only=True):
    """What a template declares, or a node yielded."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    result: str | None = None
    exit_code: str | None = None


class Arguments(Model, frozen=True, kw_only=True):
    """What a caller passes."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
