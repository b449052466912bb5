"""What lint found as SARIF 2.1.0, which code hosts and editors read.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import tiphys
from tiphys.compile.warnings.catalogue import Rule, rule_of

if TYPE_CHECKING:
    from tiphys.errors import Finding
    from tiphys.service.lint import Report

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def sarif(reports: Sequence[Report], page: Callable[[str], str]) -> str:
    """Return the log of one run; `page` is the Markdown about a rule, "" if there is none."""
    findings = [
        finding for report in reports for verdict in report.verdicts for finding in verdict.findings
    ]
    numbers = list(dict.fromkeys(finding.rule for finding in findings if rule_of(finding.rule)))
    driver = {
        "name": "tiphys lint",
        "version": tiphys.__version__,
        "rules": [_rule(rule, page(rule.id)) for rule in map(rule_of, numbers) if rule],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers) for finding in findings],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule, page: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
    }
    if page:
        made["help"] = {"text": page, "markdown": page}
    return made


def _result(finding: Finding, numbers: list[str]) -> dict[str, Any]:
    text = f"{finding.reason}; {finding.hint}" if finding.hint else finding.reason
    where: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.file or "stdin")}}
    if finding.line:
        where["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    made: dict[str, Any] = {
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": where}],
    }
    if finding.rule in numbers:
        made |= {"ruleId": finding.rule, "ruleIndex": numbers.index(finding.rule)}
    return made
