"""What lint found, as pages for people and for programs.

The lines that Argo writes are Argo's, to the letter; ours stand between them.
Source: reference/validation.md 17, cli.md 11.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tiphys.cli.render.colour import GREEN, RED, UNDERLINE, YELLOW, paint
from tiphys.compile.warnings.catalogue import rule_of

if TYPE_CHECKING:
    from tiphys.errors import Finding
    from tiphys.service.lint import Report, Verdict

_NOTHING = "found nothing to lint in the specified paths, failing...\n"
_NONE = "no linting errors found!\n"


def pretty(reports: Sequence[Report], failed: int, colour: bool) -> str:
    """Return Argo's pretty form; `failed` counts the documents that have errors."""
    lines = [line for report in reports for line in _pretty_file(report, colour)]
    odd = sum(item.severity == "warning" for item in _findings(reports))
    if odd:
        mark = paint("⚠", YELLOW, colour)
        plural = "s" if odd > 1 else ""
        lines.append(f"{mark} {odd} warning{plural}; `tiphys lint --explain NUMBER` says more\n")
    if failed:
        lines.append(paint(f"✖ {failed} linting errors found!", RED, colour) + "\n")
    elif any(report.checked for report in reports):
        lines.append(paint("✔ ", GREEN, colour) + _NONE)
    else:
        lines.append(paint("✖ ", RED, colour) + _NOTHING)
    return "".join(lines)


def simple(reports: Sequence[Report], failed: int) -> str:
    """Return Argo's simple form and nothing else: a line for each document with an error."""
    lines = [
        f"{report.file}: {_item(verdict)}\n"
        for report in reports
        for verdict in report.verdicts
        if verdict.text
    ]
    if not failed:
        lines.append(_NONE if any(report.checked for report in reports) else _NOTHING)
    return "".join(lines)


def further(reports: Sequence[Report]) -> str:
    """Return a line for everything that the simple form does not say.

    The severity comes first: who looks for lines that begin with a file's name finds Argo's only.
    """
    return "".join(
        f"{finding.severity}: {_place_of(finding)}: {finding.reason}{_tail(finding)}\n"
        for report in reports
        for verdict in report.verdicts
        for finding in _further(verdict)
    )


def as_json(reports: Sequence[Report]) -> str:
    """Return every finding as JSON; lines and columns count from 1, 0 when unknown."""
    import json

    findings = [
        _entry(verdict, finding)
        for report in reports
        for verdict in report.verdicts
        for finding in verdict.findings
    ]
    counts = {
        f"{name}s": sum(item["severity"] == name for item in findings)
        for name in ("error", "warning")
    }
    checked = sum(report.checked for report in reports)
    whole = {"checked": checked, **counts, "findings": findings}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _entry(verdict: Verdict, finding: Finding) -> dict[str, str | int]:
    rule = rule_of(finding.rule)
    return {
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "severity": finding.severity,
        "rule": finding.rule,
        "name": rule.name if rule is not None else "",
        "message": finding.reason,
        "hint": finding.hint,
        "path": finding.path,
        "object": verdict.label,
        "kind": verdict.kind,
    }


def _findings(reports: Sequence[Report]) -> Iterator[Finding]:
    for report in reports:
        for verdict in report.verdicts:
            yield from verdict.findings


def _pretty_file(report: Report, colour: bool) -> Iterator[str]:
    if not report.verdicts:
        return
    yield paint(report.file, UNDERLINE, colour) + ":\n"
    for verdict in report.verdicts:
        if verdict.text:
            yield f"   {paint('✖', RED, colour)} {_item(verdict)}\n"
            if _is_told(verdict):
                yield from _indented(_place(verdict.findings[0]))
        else:
            yield f"   {paint('⚠', YELLOW, colour)} {_object(verdict)}\n"
        for finding in _further(verdict):
            yield from _indented(_line(finding))
    yield "\n"


def _further(verdict: Verdict) -> Iterator[Finding]:
    """What Argo's line has not said; a line about several findings says too little of each."""
    yield from verdict.findings[1 if _is_told(verdict) else 0 :]


def _is_told(verdict: Verdict) -> bool:
    """Say whether Argo's line is about the first finding and no other."""
    return bool(verdict.text) and verdict.text.endswith(verdict.findings[0].reason)


def _indented(text: str) -> Iterator[str]:
    yield from (f"       {line}\n" for line in text.splitlines())


def _object(verdict: Verdict) -> str:
    return f'in "{verdict.label}" ({verdict.kind})'


def _item(verdict: Verdict) -> str:
    return f"{_object(verdict)}: {verdict.text}" if verdict.kind else verdict.text


def _line(finding: Finding) -> str:
    """Return a finding in the form that editors read: place, severity, text, rule."""
    return f"{_place_of(finding)}: {finding.severity}: {finding.reason}{_tail(finding)}"


def _place_of(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}:{finding.column}" if finding.line else finding.file


def _place(finding: Finding) -> str:
    """Return where a finding is and how to mend it, when its text was written already."""
    place = f"{finding.file}:{finding.line}:{finding.column}" if finding.line else ""
    return f"{place}{_tail(finding)}".removeprefix("; ").lstrip()


def _tail(finding: Finding) -> str:
    hint = f"; {finding.hint}" if finding.hint else ""
    rule = rule_of(finding.rule)
    return f"{hint} [{rule.id} {rule.name}]" if rule is not None else hint
