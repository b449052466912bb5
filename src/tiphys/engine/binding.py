"""What a caller passes, and what the called template makes of it.

`pass_arguments` resolves a call's arguments in the caller's scope; `bind` puts them into the
template's declared inputs. Both raise `CallError` with Argo's text.

Source: reference/engine.md 2.6, 3.7, 3.8; argo workflow/common/util.go, ProcessArgs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tiphys.engine.expressions import value_of
from tiphys.engine.resolving import CallError, look_up, resolve_body, resolve_text
from tiphys.engine.scope import ConstantScope, Layered, Names, environment
from tiphys.expr.template import LENIENT, STRICT, Mode, Text, compile_text
from tiphys.expr.values import MISSING, Context, Missing
from tiphys.model.arguments import Inputs, Parameter
from tiphys.model.artifacts import KEY_FIELDS, Artifact, location_type
from tiphys.model.configmaps import ConfigFault, config_value
from tiphys.program import Argument, ArtifactArgument, Call, ConfigSource, Template

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_NOTHING: Final = Inputs()


class Passed(msgspec.Struct, frozen=True, gc=False):
    """Resolved arguments. A parameter that is None refers to an absent optional output.

    `sources` are the parameters that are passed without a value, to be read from a ConfigMap.
    """

    parameters: dict[str, str | None]
    artifacts: dict[str, Artifact]
    sources: dict[str, ConfigSource]


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Where arguments are resolved: the scope, how strictly, and whose seed and clock."""

    run: Run
    scope: Names
    mode: Mode
    name: str


def pass_arguments(call: Call, caller: Caller) -> Passed:
    """Return a call's arguments. Raises CallError."""
    parameters: dict[str, str | None] = {}
    for argument in call.parameters:
        value = _parameter(argument, caller)
        if value is not MISSING:
            parameters[argument.name] = value
    artifacts: dict[str, Artifact] = {}
    for item in call.artifacts:
        found = _artifact(item, caller)
        if found is not None:
            artifacts[item.name] = found
    sources = {item.name: item.source for item in call.parameters if item.source is not None}
    return Passed(parameters, artifacts, sources)


def _parameter(argument: Argument, caller: Caller) -> str | Missing | None:
    if argument.value is None:
        return MISSING
    if argument.whole and look_up(argument.whole, caller.scope) is None:
        return None
    return resolve_text(argument.value, caller.scope, caller.mode, caller.run.context(caller.name))


def _artifact(item: ArtifactArgument, caller: Caller) -> Artifact | None:
    if not item.reference and item.expression is None:
        body = resolve_body(item.body, caller.scope, caller.mode, caller.run.context(caller.name))
        return msgspec.convert(body, Artifact)
    found = find_artifact(item.reference, item.expression, caller)
    if found is None:
        if item.optional:
            return None
        raise CallError(f'unable to resolve references: Unable to resolve: "{item.reference}"')
    sub_path = None
    if item.sub_path is not None:
        context = caller.run.context(caller.name)
        sub_path = resolve_text(item.sub_path, caller.scope, LENIENT, context)
    return narrow(found, item.name, sub_path)


def find_artifact(reference: str, expression: Text | None, caller: Caller) -> Artifact | None:
    """Return the artifact a reference or a fromExpression means, None if there is none."""
    if expression is None:
        return caller.scope.artifact(reference)
    text = resolve_text(expression, caller.scope, LENIENT, caller.run.context(caller.name))
    return _by_expression(text, caller)


def _by_expression(text: str, caller: Caller) -> Artifact | None:
    holder = ArtifactNames(caller.scope)
    value = value_of(text, holder, caller.run.context(caller.name))
    found = holder.given.get(id(value))
    if found is None:
        raise CallError(f"Variable {{{{{text}}}}} is not an artifact")
    return found


def narrow(artifact: Artifact, name: str, sub_path: str | None) -> Artifact:
    """Return an artifact under another name, and of it what lies at `sub_path`.

    Raises CallError if that is an item of a loop which made nothing.
    """
    if artifact.items is not None and sub_path and (path := sub_path.strip("/")):
        item, _, rest = path.partition("/")
        parts = {part.name: part for part in artifact.items.artifacts}
        if item not in parts:
            raise CallError(f"artifact {artifact.name}: item {item!r} of the loop did not make it")
        return narrow(parts[item], name, rest)
    changes: dict[str, object] = {"name": name, "from_": "", "global_name": "", "optional": None}
    kind = location_type(artifact)
    if sub_path and kind in KEY_FIELDS:
        location, field = getattr(artifact, kind), KEY_FIELDS[kind]
        key = f"{getattr(location, field)}/{sub_path}"
        changes[kind] = msgspec.structs.replace(location, **{field: key})
    return msgspec.structs.replace(artifact, **changes)


# ------------------------------------------------------------------------------------ binding


def bind(template: Template, passed: Passed, caller: Caller) -> Inputs:
    """Return a template's inputs with every value resolved.

    `caller.scope` is what the template may see before its inputs exist: the globals. Raises
    CallError for a missing input.
    """
    if template.inputs == _NOTHING:
        return _NOTHING
    context = caller.run.context(caller.name)
    first = [_bind_parameter(item, template, passed, caller) for item in template.inputs.parameters]
    own = {
        f"inputs.parameters.{item.name}": resolve_raw(item.value or "", caller.scope, context)
        for item in first
    }
    scope = Layered(ConstantScope(own), caller.scope)
    parameters = tuple(
        msgspec.structs.replace(
            item,
            value=resolve_raw(own[f"inputs.parameters.{item.name}"], scope, context),
            value_from=None,
        )
        for item in first
    )
    artifacts = tuple(
        found
        for item in _declared_artifacts(
            template, Layered(ConstantScope(own), caller.scope), context
        )
        if (found := _bind_artifact(item, passed)) is not None
    )
    return Inputs(parameters=parameters, artifacts=artifacts)


def _declared_artifacts(template: Template, scope: Names, context: Context) -> tuple[Artifact, ...]:
    """Return the declared input artifacts with the tags of their locations resolved."""
    if template.input_body.literal:
        return template.inputs.artifacts
    body = resolve_body(template.input_body, scope, LENIENT, context)
    return msgspec.convert(body, Inputs).artifacts


def resolve_raw(text: str, scope: Names, context: Context) -> str:
    """Return a value with its tags resolved, where it has any."""
    if "{{" not in text:
        return text
    return resolve_text(compile_text(text), scope, LENIENT, context)


def _bind_parameter(
    declared: Parameter, template: Template, passed: Passed, caller: Caller
) -> Parameter:
    source = passed.sources.get(declared.name)
    if source is None and declared.name not in passed.parameters:
        source = template.input_sources.get(declared.name)
    if source is not None:
        read = _from_config(source, declared.name, caller)
        return msgspec.structs.replace(declared, value=read, value_from=None)
    given = passed.parameters.get(declared.name, declared.value)
    value = given if given is not None else declared.value
    value = value if value is not None else declared.default
    if value is None:
        what = f"inputs.parameters.{declared.name}"
        if declared.name in passed.parameters:
            raise CallError(
                f"{what}: argument references an absent optional "
                "(skipped/omitted node output with no default)"
            )
        raise CallError(f"{what} was not supplied")
    return msgspec.structs.replace(declared, value=value)


def _from_config(source: ConfigSource, name: str, caller: Caller) -> str:
    context = caller.run.context(caller.name)
    try:
        config = resolve_text(source.name, caller.run.globals(), STRICT, context)
        key = resolve_text(source.key, caller.run.globals(), STRICT, context)
        return config_value(caller.run.program.configs, config, key)
    except ConfigFault as exc:
        if exc.absent and source.default is not None:
            return source.default
        raise CallError(
            f"unable to retrieve inputs.parameters.{name} from ConfigMap: {exc.message}"
        ) from exc


def _bind_artifact(declared: Artifact, passed: Passed) -> Artifact | None:
    given = passed.artifacts.get(declared.name)
    if given is None:
        if location_type(declared):
            return declared
        if declared.optional:
            return None
        raise CallError(f"inputs.artifacts.{declared.name} was not supplied")
    return msgspec.structs.replace(
        given,
        name=declared.name,
        path=declared.path,
        mode=declared.mode,
        recurse_mode=declared.recurse_mode,
        optional=declared.optional,
        archive=given.archive,
    )


class ArtifactNames:
    """A scope for expressions in which artifacts are values of their own."""

    def __init__(self, below: Names) -> None:
        """Wrap a scope."""
        self._below = below
        self.given: dict[int, Artifact] = {}
        self._kept: list[object] = []

    def get(self, name: str) -> object | Missing:
        """Return a variable, or an artifact as a map."""
        value = self._below.get(name)
        if value is not MISSING or ".artifacts." not in name:
            return value
        artifact = self._below.artifact(name)
        if artifact is None:
            return MISSING
        held: dict[str, object] = {"Name": artifact.name, "Path": artifact.path}
        self._kept.append(held)
        self.given[id(held)] = artifact
        return held

    def under(self, path: str) -> dict[str, object]:
        """Return the environment a path needs, artifacts included."""
        found = environment(self._below, path)
        if ".artifacts." in path:
            value = self.get(path)
            if value is not MISSING:
                found[path] = value
        return found
