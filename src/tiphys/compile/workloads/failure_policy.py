"""`podFailurePolicy` of a Job: what the failure of a pod means.

Source: Kubernetes pkg/controller/job/pod_failure_policy.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiphys.compile.workloads.reading import exit_codes, items, name_of, part, text
from tiphys.model.base import JsonObject

_KNOWN = ("FailJob", "Ignore", "Count")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a Job has failed, as its conditions say it."""

    reason: str
    message: str


def judged(spec: JsonObject, failed: Sequence[JsonObject]) -> Verdict | None:
    """Return why a rule lets the Job fail, None if none does."""
    for index, rule in enumerate(_rules(spec)):
        if rule.get("action") not in _KNOWN or "onExitCodes" not in rule:
            place = f"spec.podFailurePolicy.rules[{index}]"
            said = "only FailJob, Ignore and Count with onExitCodes are supported"
            return Verdict("Unsupported", f"{place}: {said} by this version")
    for pod in failed:
        number, found = _first(spec, pod)
        if found is not None and found.get("action") == "FailJob":
            return Verdict("PodFailurePolicy", _said(pod, found, number))
    return None


def ignored(spec: JsonObject, pod: JsonObject) -> bool:
    """Tell whether the failure of a pod does not count."""
    rule = _first(spec, pod)[1]
    return rule is not None and rule.get("action") == "Ignore"


def _rules(spec: JsonObject) -> list[JsonObject]:
    return items(part(spec, "podFailurePolicy"), "rules")


def _first(spec: JsonObject, pod: JsonObject) -> tuple[int, JsonObject | None]:
    """Return the first rule that matches, with its index."""
    for index, rule in enumerate(_rules(spec)):
        if _matching(rule, pod) is not None:
            return index, rule
    return -1, None


def _matching(rule: JsonObject, pod: JsonObject) -> tuple[str, int] | None:
    """Return the container and the exit code that a rule is about."""
    wanted = part(rule, "onExitCodes")
    values, only = wanted.get("values"), text(wanted, "containerName")
    listed = values if isinstance(values, list) else []
    for name, code in exit_codes(pod):
        if code == 0 or (only and only != name):
            continue
        if (code in listed) == (wanted.get("operator") == "In"):
            return name, code
    return None


def _said(pod: JsonObject, rule: JsonObject, index: int) -> str:
    found = _matching(rule, pod)
    container, code = found if found is not None else ("", 0)
    place = f"{text(part(pod, 'metadata'), 'namespace')}/{name_of(pod)}"
    return (
        f"Container {container} for pod {place} failed with exit code {code} matching FailJob "
        f"rule at index {index}"
    )
