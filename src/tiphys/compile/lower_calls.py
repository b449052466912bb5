"""Steps, tasks, hooks and entry points to `Call`s. Used by `lower.py` and `lower_dag.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tiphys.expr.template import Text, compile_json, compile_text, reference_name
from tiphys.model.arguments import Arguments, Parameter
from tiphys.model.artifacts import Artifact
from tiphys.model.codec import encode
from tiphys.model.templates import DAGTask, LifecycleHook, TemplateRef, WorkflowStep
from tiphys.model.templates import Sequence as SequenceModel
from tiphys.model.templates import Template as TemplateModel
from tiphys.program import (
    Argument,
    ArtifactArgument,
    Call,
    ConfigSource,
    Hook,
    Loop,
    Sequence,
    Target,
)

_WHOLE = re.compile(r"^\{\{([^{}=][^{}]*)\}\}$")
_STATUS = re.compile(r"""\b(?:steps|tasks)(?:\.|\[['"])([^'".]+)(?:['"]\])?\.status\b""")
_ITEM = re.compile(r"\{\{=?[^}]*\bitem\b")


def optional_text(value: int | str | None, keep_empty: bool = False) -> Text | None:
    """Return the compiled text of a field, None when it is absent (or empty, by default)."""
    if value is None or (value == "" and not keep_empty):
        return None
    return compile_text(str(value))


@dataclass(frozen=True)
class CallLowering:
    """Lowers the calls made from templates of one scope.

    `captured` are the names whose result someone reads; `want` registers a called template and
    returns its key, `want_inline` the same for one written in a step or task; `want_all` is told
    when a name is known only at run time.
    """

    scope: str
    captured: frozenset[str]
    want: Callable[[str, str], str]
    want_all: Callable[[], None]
    want_inline: Callable[[str, TemplateModel], str]

    def entry(self, name: str, template: str, arguments: Arguments) -> Call:
        """Return the call of an entry point or of a workflow's exit handler."""
        return Call(
            name=name,
            target=self.target(template, None),
            parameters=tuple(_argument(item) for item in arguments.parameters),
            artifacts=tuple(_artifact(item) for item in arguments.artifacts),
        )

    def step(self, step: WorkflowStep | DAGTask) -> Call:
        """Return a step or a task; what it depends on is lowered elsewhere."""
        continue_on = step.continue_on
        return Call(
            name=step.name,
            target=self._step_target(step),
            parameters=tuple(_argument(item) for item in step.arguments.parameters),
            artifacts=tuple(_artifact(item) for item in step.arguments.artifacts),
            when=optional_text(step.when),
            loop=_loop(step),
            continue_failed=bool(continue_on and continue_on.failed),
            continue_error=bool(continue_on and continue_on.error),
            hooks=self.hooks(step.hooks, step.on_exit, step.name),
            captures_result=step.name in self.captured,
        )

    def hooks(
        self, hooks: Mapping[str, LifecycleHook], on_exit: str, step: str = ""
    ) -> tuple[Hook, ...]:
        """Return the hooks of a step, a task or a workflow; the old `onExit` wins over "exit"."""
        found = [self._hook(name, hook, step) for name, hook in sorted(hooks.items())]
        if on_exit:
            found = [hook for hook in found if hook.name != "exit"]
            found.append(self._hook("exit", LifecycleHook(template=on_exit), step))
        return tuple(found)

    def _hook(self, name: str, hook: LifecycleHook, step: str) -> Hook:
        arguments = hook.arguments
        call = Call(
            name=name,
            target=self.target(hook.template, hook.template_ref),
            parameters=tuple(_argument(item) for item in arguments.parameters),
            artifacts=tuple(_artifact(item) for item in arguments.artifacts),
            inherits_arguments=not (arguments.parameters or arguments.artifacts),
        )
        return Hook(
            name=name,
            call=call,
            expression=optional_text(hook.expression),
            of_item=_ITEM.search(json.dumps(encode(hook))) is not None,
            others=tuple(name for name in _STATUS.findall(hook.expression) if name != step),
        )

    def _step_target(self, step: WorkflowStep | DAGTask) -> Target:
        if step.inline is not None:
            return Target(key=self.want_inline(step.name, step.inline), inline=True)
        return self.target(step.template, step.template_ref)

    def target(self, name: str, reference: TemplateRef | None) -> Target:
        """Return which template is meant: a templateRef goes before a name."""
        if reference is None:
            return Target(key=self.want(self.scope, name), name=name)
        if "{{" in reference.name or "{{" in reference.template:
            self.want_all()
            texts = (compile_text(reference.name), compile_text(reference.template))
            return Target(
                key="", reference=reference, dynamic=(*texts, bool(reference.cluster_scope))
            )
        scope = f"{'cluster' if reference.cluster_scope else 'namespaced'}/{reference.name}"
        return Target(
            key=self.want(scope, reference.template), name=reference.template, reference=reference
        )


def config_source(parameter: Parameter) -> ConfigSource | None:
    """Return the ConfigMap value a parameter is read from, None if it is not."""
    source = parameter.value_from
    if source is None or source.config_map_key_ref is None:
        return None
    reference = source.config_map_key_ref
    return ConfigSource(compile_text(reference.name), compile_text(reference.key), source.default)


def _argument(parameter: Parameter) -> Argument:
    if parameter.value is None:
        return Argument(parameter.name, None, source=config_source(parameter))
    whole = _WHOLE.match(parameter.value)
    return Argument(
        parameter.name,
        compile_text(parameter.value),
        whole=whole.group(1).strip() if whole else "",
    )


def _artifact(artifact: Artifact) -> ArtifactArgument:
    return ArtifactArgument(
        name=artifact.name,
        reference=reference_name(artifact.from_) if artifact.from_ else "",
        expression=optional_text(artifact.from_expression),
        sub_path=optional_text(artifact.sub_path),
        optional=bool(artifact.optional),
        body=compile_json(encode(artifact)),
    )


def _loop(step: WorkflowStep | DAGTask) -> Loop | None:
    if step.with_items:
        return Loop(items=compile_json(list(step.with_items)))
    if step.with_param:
        return Loop(param=compile_text(step.with_param))
    if step.with_sequence is not None:
        return Loop(sequence=_sequence(step.with_sequence))
    return None


def _sequence(sequence: SequenceModel) -> Sequence:
    return Sequence(
        start=optional_text(sequence.start),
        end=optional_text(sequence.end),
        count=optional_text(sequence.count),
        format=sequence.format,
    )
