"""Warnings about values pasted into programs."""

from __future__ import annotations

import posixpath

from tiphys.compile.warnings.survey import Body, Survey, find_tags
from tiphys.model.containers import Container
from tiphys.model.shapes import Path

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})
_INTERPRETERS = frozenset({"python", "python3", "node", "perl", "ruby"})
_FOREIGN = (
    "inputs.parameters.",
    "workflow.parameters.",
    "workflow.labels.",
    "workflow.annotations.",
    "steps.",
    "tasks.",
    "item",
    "lastRetry.message",
)
"""What anybody may have written: a value, not a word of ours."""
_HARMLESS = (".status", ".id", ".ip", ".startedAt", ".finishedAt", ".exitCode", ".path")
_HINT = "hand it over in `env` and use the variable"


def warn_of_scripts(survey: Survey) -> None:
    """Note values that become part of a program's text: whoever sets them can add commands."""
    for body in survey.bodies:
        script = body.template.script
        if script is not None:
            _warn_of_text(survey, body, script.source, (*body.path, "script", "source"))
        container = body.template.container
        if container is not None:
            _warn_of_container(survey, body, container)


def _warn_of_container(survey: Survey, body: Body, container: Container) -> None:
    words = [(word, ("command", n)) for n, word in enumerate(container.command)]
    words += [(word, ("args", n)) for n, word in enumerate(container.args)]
    program = posixpath.basename(words[0][0]) if words else ""
    if program not in _SHELLS and program not in _INTERPRETERS:
        return
    flags = [n for n, (word, _) in enumerate(words[1:], 1) if word[:1] == "-" and word[-1:] in "ce"]
    if flags and flags[0] + 1 < len(words):
        text, place = words[flags[0] + 1]
        _warn_of_text(survey, body, text, (*body.path, "container", *place))


def _warn_of_text(survey: Survey, body: Body, text: str, path: Path) -> None:
    names = dict.fromkeys(
        tag.text
        for tag in find_tags(text, path)
        if tag.text.startswith(_FOREIGN) and not tag.text.endswith(_HARMLESS)
    )
    if not names:
        return
    shown = ", ".join(f"{{{{{name}}}}}" for name in names)
    reason = f"the text of a program in {body.label} has {shown} in it: its value can add commands"
    survey.note("TIP004", reason, path, _HINT)
