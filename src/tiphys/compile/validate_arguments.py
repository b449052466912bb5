"""Arguments: names, values, sources; and whether a call supplies what a template wants.

Source: reference/validation.md 6 and T12; Argo validate.go validateArguments, common.ProcessArgs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tiphys.compile.references import has_location
from tiphys.compile.validate_artifacts import is_faulty_location
from tiphys.compile.validate_context import Checker, Resolved, Spot
from tiphys.compile.validate_names import check_names
from tiphys.model.arguments import Arguments, Parameter, ValueFrom
from tiphys.model.artifacts import Artifact
from tiphys.model.codec import suggestion

_NAMES: Final = ("A1", "A2", "A3")


def check_arguments(
    checker: Checker, arguments: Arguments, prefix: str, spot: Spot, lenient: bool = False
) -> None:
    """Check one `arguments` block; `lenient` lets parameters lack a value."""
    check_argument_names(checker, arguments, prefix, spot)
    for index, parameter in enumerate(arguments.parameters):
        place = spot.at("parameters", index)
        if lenient and parameter.enum and parameter.value is None:
            return  # Argo accepts the whole block here (A8)
        with checker.unit():
            _check_parameter(checker, parameter, prefix, place, lenient)
    for index, artifact in enumerate(arguments.artifacts):
        _check_artifact(checker, artifact, prefix, spot.at("artifacts", index))


def check_argument_names(checker: Checker, arguments: Arguments, prefix: str, spot: Spot) -> None:
    """Check the names of both lists."""
    names = [item.name for item in arguments.parameters]
    check_names(checker, names, f"{prefix}parameters", spot.at("parameters"), _NAMES)
    names = [item.name for item in arguments.artifacts]
    check_names(checker, names, f"{prefix}artifacts", spot.at("artifacts"), _NAMES)


def _check_parameter(
    checker: Checker, parameter: Parameter, prefix: str, spot: Spot, lenient: bool
) -> None:
    name = f"{prefix}{parameter.name}"
    source = parameter.value_from
    if parameter.value is None and source is None and not lenient:
        checker.fail("A4", f"{name}.value or {name}.valueFrom is required", spot)
    if source is not None and not _is_argument_source(source):
        reason = f"{name}.valueFrom only allows: default, configMapKeyRef and supplied"
        checker.note("A6", reason, spot.at("valueFrom"))
    if parameter.enum is None:
        return
    if not parameter.enum:
        checker.fail("A7", f"{name}.enum should contain at least one value", spot.at("enum"))
    if parameter.value is None:
        checker.fail("A8", f"{name}.value is required", spot)
    if parameter.value not in parameter.enum:
        hint = "one of " + ", ".join(f"`{item}`" for item in parameter.enum)
        checker.fail(
            "A9", f"{name}.value should be present in {name}.enum list", spot.at("value"), hint
        )


def _is_argument_source(source: ValueFrom) -> bool:
    if source.path or source.json_path or source.parameter or source.expression:
        return False
    return bool(source.config_map_key_ref or source.event or source.supplied is not None)


def _check_artifact(checker: Checker, artifact: Artifact, prefix: str, spot: Spot) -> None:
    name = f"{prefix}{artifact.name}"
    if not artifact.from_ and not has_location(artifact):
        checker.note("A10", f"{name}.from, artifact location, or key is required", spot)
    if artifact.from_ and artifact.from_expression:
        reason = f"{name} shouldn't have both `from` and `fromExpression` in Artifact"
        checker.note("A11", reason, spot)


def _has_value(parameter: Parameter) -> bool:
    given = (parameter.value, parameter.default, parameter.value_from)
    return any(item is not None for item in given)


def _supply_hint(name: str, given: Mapping[str, Parameter]) -> str:
    return f"`{name}` has no value" if name in given else suggestion(name, given)


def check_supplied(checker: Checker, found: Resolved, arguments: Arguments, spot: Spot) -> None:
    """Check that `arguments` give the template every input it cannot do without.

    `spot` is where the call stands. Source: argo workflow/common/util.go, ProcessArgs.
    """
    template = found.template
    given = {item.name: item for item in arguments.parameters}
    for parameter in template.inputs.parameters:
        if not parameter.name:
            continue
        argument = given.get(parameter.name)
        if not (_has_value(parameter) or (argument is not None and _has_value(argument))):
            reason = (
                f"templates.{template.name} inputs.parameters.{parameter.name} was not supplied"
            )
            checker.note("T12", reason, spot, _supply_hint(parameter.name, given))
    passed = {item.name for item in arguments.artifacts}
    for artifact in template.inputs.artifacts:
        if artifact.name in passed or artifact.optional or has_location(artifact):
            continue
        if is_faulty_location(artifact):
            continue  # it has a location, of which it is noted what is wrong
        reason = f"templates.{template.name} inputs.artifacts.{artifact.name} was not supplied"
        checker.note("T12", reason, spot, suggestion(artifact.name, passed))
