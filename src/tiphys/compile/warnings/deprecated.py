"""Warnings about what still works and should be written otherwise."""

from __future__ import annotations

from tiphys.compile.warnings.survey import Survey

_WHOLE = ("workflow.parameters", "workflow.labels", "workflow.annotations")


def warn_of_deprecated(survey: Survey) -> None:
    """Note deprecated fields and variables."""
    for call in survey.calls:
        if call.item.on_exit:
            hint = "write `hooks: {exit: {template: %s}}`" % call.item.on_exit  # noqa: UP031 - braces
            reason = f"onExit of `{call.name}` is deprecated"
            survey.note("TIP703", reason, (*call.path, "onExit"), hint)
    for owner in survey.owners():
        for tag in survey.tags_of(owner):
            if tag.text in _WHOLE:
                reason = f"{{{{{tag.text}}}}} is deprecated"
                survey.note("TIP703", reason, tag.path, f"write `{{{{{tag.text}.json}}}}`")
