"""A document laid out for the warnings: its templates, its calls, its texts, each with its place.

Made once for a document; every module of warnings reads it and adds to `findings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from tiphys.compile.references import TemplateStore, scope_of
from tiphys.compile.validate_variables import tags
from tiphys.errors import Finding
from tiphys.model.arguments import Parameter
from tiphys.model.base import Json, JsonObject, Model
from tiphys.model.codec import Document, Resource, encode, to_json
from tiphys.model.decode import path_text
from tiphys.model.shapes import Path
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import DAGTask, LifecycleHook, Template, WorkflowStep

_SIGNS: Final = re.compile(r"[!&|()]")


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A template and where it stands; `caller` is set when it is written inline."""

    template: Template
    path: Path
    caller: Call | None = None

    @property
    def label(self) -> str:
        """What a message calls the template."""
        if self.template.name or self.caller is None:
            return f"template `{self.template.name}`"
        return f"the inline template of `{self.caller.name}`"

    @property
    def is_in_loop(self) -> bool:
        """Say whether its text is that of a loop's item."""
        caller = self.caller
        return caller is not None and (caller.is_loop or caller.body.is_in_loop)


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A step or task and where it stands; `group` is 0 for tasks."""

    item: WorkflowStep | DAGTask
    kind: Literal["steps", "tasks"]
    path: Path
    body: Body
    group: int = 0

    @property
    def name(self) -> str:
        """The step's or task's name."""
        return self.item.name

    @property
    def is_loop(self) -> bool:
        """Say whether it runs once for each of some items."""
        return self.is_aggregate or self.item.with_sequence is not None

    @property
    def is_aggregate(self) -> bool:
        """Say whether its outputs are lists."""
        return bool(self.item.with_items or self.item.with_param)


@dataclass(frozen=True, slots=True)
class Tag:
    """A `{{...}}` of a text, trimmed; `path` is where the text stands."""

    text: str
    path: Path

    @property
    def is_expression(self) -> bool:
        """Say whether it is a `{{=...}}`."""
        return self.text.startswith("=")


@dataclass(slots=True)
class Survey:
    """One document, and what was found in it."""

    resource: Resource
    spec: WorkflowSpec
    root: Path
    """Where `spec` stands."""
    store: TemplateStore
    document: Document | None
    bodies: list[Body] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    templates: dict[str, Body] = field(default_factory=dict)
    """The templates with a name; the first of a name counts."""
    findings: list[Finding] = field(default_factory=list)
    _tags: dict[Path, list[Tag]] = field(default_factory=dict)
    _siblings: dict[Path, dict[str, Call]] = field(default_factory=dict)
    _dependencies: dict[Path, dict[str, list[str]]] = field(default_factory=dict)

    def note(self, rule: str, reason: str, path: Path, hint: str = "") -> None:
        """Add a warning about what stands at `path`."""
        source = self.document
        line, column = (0, 0) if source is None else source.place(path)
        file = "" if source is None else source.file
        found = Finding(reason, file, line, column, path_text(path), hint, "warning", rule)
        if found not in self.findings[-20:]:
            self.findings.append(found)

    def raw(self, path: Path) -> Json:
        """Return what is written at `path`, None if nothing is or the text is not at hand."""
        value: Json = None if self.document is None else self.document.value
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def called(self, holder: WorkflowStep | DAGTask | LifecycleHook) -> Template | None:
        """Return the template a step, task or hook names, None if it is not among the files."""
        inline = None if isinstance(holder, LifecycleHook) else holder.inline
        if inline is not None:
            return inline
        reference = holder.template_ref
        if reference is None:
            body = self.templates.get(holder.template)
            return None if body is None else body.template
        document = self.store.get(scope_of(reference))
        templates = () if document is None else document.spec.templates
        return next((item for item in templates if item.name == reference.template), None)

    def tags_of(self, owner: Body | Call) -> list[Tag]:
        """Return every tag of a template or call, without those of what is called inline."""
        found = self._tags.get(owner.path)
        if found is None:
            made = owner.template if isinstance(owner, Body) else owner.item
            has_tags = b"{{" in to_json(made)
            found = list(find_tags(_own_text(made), owner.path)) if has_tags else []
            self._tags[owner.path] = found
        return found

    def owners(self) -> list[Body | Call]:
        """Return all that has texts of its own: every template, step and task."""
        return [*self.bodies, *self.calls]

    def siblings(self, body: Body) -> dict[str, Call]:
        """Return the calls of a template by name."""
        return self._siblings.get(body.path, {})

    def dependencies(self, body: Body) -> dict[str, list[str]]:
        """Return the tasks that each task of a DAG mentions."""
        found = self._dependencies.get(body.path)
        if found is None:
            found = {}
            for name, call in self.siblings(body).items():
                if isinstance(call.item, DAGTask):
                    words = _SIGNS.sub(" ", call.item.depends).split()
                    named = (word.partition(".")[0] for word in words)
                    found[name] = [*call.item.dependencies, *named]
            self._dependencies[body.path] = found
        return found

    def add(self, call: Call) -> None:
        """Add a call."""
        self.calls.append(call)
        self._siblings.setdefault(call.body.path, {})[call.name] = call


def survey(
    resource: Resource,
    spec: WorkflowSpec,
    root: Path,
    store: TemplateStore,
    source: Document | None,
) -> Survey:
    """Return a document laid out."""
    made = Survey(resource, spec, root, store, source)
    for index, template in enumerate(spec.templates):
        body = Body(template, (*root, "templates", index))
        made.templates.setdefault(template.name, body)
        _add(made, body)
    return made


def _add(made: Survey, body: Body) -> None:
    """Add a template, its calls, and the templates written in them."""
    waiting = [body]
    while waiting:
        current = waiting.pop()
        made.bodies.append(current)
        for call in _calls(current):
            made.add(call)
            if call.item.inline is not None:
                waiting.append(Body(call.item.inline, (*call.path, "inline"), call))


def _calls(body: Body) -> Iterator[Call]:
    template = body.template
    for group, steps in enumerate(template.steps or ()):
        for index, step in enumerate(steps):
            yield Call(step, "steps", (*body.path, "steps", group, index), body, group)
    if template.dag is not None:
        for index, task in enumerate(template.dag.tasks):
            yield Call(task, "tasks", (*body.path, "dag", "tasks", index), body)


def _own_text(value: Model) -> JsonObject:
    """A step without its inline template, a template without its steps and tasks."""
    plain = encode(value)
    plain.pop("inline", None)
    plain.pop("steps", None)
    dag = plain.get("dag")
    if isinstance(dag, dict):
        dag.pop("tasks", None)
    return plain


def find_texts(value: Json, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield every text in free JSON that may hold a tag, with its place."""
    if isinstance(value, str):
        if "{{" in value:
            yield value, path
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from find_texts(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from find_texts(member, (*path, index))


def find_tags(value: Json, path: Path) -> Iterator[Tag]:
    """Yield every tag in free JSON; what follows a tag without end is left out."""
    for text, place in find_texts(value, path):
        try:
            for tag in tags(text):
                yield Tag(tag.strip(), place)
        except ValueError:
            continue


def default_of(parameter: Parameter) -> bool:
    """Say whether an output parameter has a value when its node was skipped."""
    return parameter.value_from is not None and parameter.value_from.default is not None
