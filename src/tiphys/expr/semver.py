"""Semantic versions and constraints. Source: Masterminds/semver 3.5; language.md 12.8."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tiphys.expr.running import Fault

_IDENTIFIERS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION: Final = re.compile(
    rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?\Z",
    re.ASCII,
)
_PART: Final = r"(?:[0-9]+|[xX*])"
_CONSTRAINT: Final = (
    rf"(=|==|!=|>|<|>=|=>|<=|=<|~|~>|\^)?\s*(v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?"
    rf"(?:-({_IDENTIFIERS}))?(?:\+{_IDENTIFIERS})?)"
)
_ONE: Final = re.compile(rf"\s*{_CONSTRAINT}\s*", re.ASCII)
_ALL: Final = re.compile(rf"(?:{_CONSTRAINT}\s*,?\s*)+\Z".replace("(=|", "(?:=|"), re.ASCII)
_HYPHEN: Final = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*", re.ASCII)
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; `original` is how it was written."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    metadata: str = ""
    original: str = ""

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        text += f"-{self.prerelease}" if self.prerelease else ""
        return text + (f"+{self.metadata}" if self.metadata else "")

    @property
    def key(self) -> tuple[int, int, int]:
        """The three numbers."""
        return self.major, self.minor, self.patch


def parse_version(text: str) -> Version:
    """Return the version; raises Fault."""
    match = _VERSION.match(text) if len(text) <= _LONGEST else None
    if match is None:
        raise Fault("invalid semantic version")
    major, minor, patch = (int(part or "0") for part in match.group(1, 2, 3))
    return Version(major, minor, patch, match[4] or "", match[5] or "", text)


def compare_versions(left: Version, right: Version) -> int:
    """Return -1, 0 or 1; build metadata does not count."""
    if left.key != right.key:
        return -1 if left.key < right.key else 1
    if left.prerelease == right.prerelease:
        return 0
    if not left.prerelease or not right.prerelease:
        return 1 if not left.prerelease else -1
    return _compare_prerelease(left.prerelease.split("."), right.prerelease.split("."))


def _compare_prerelease(left: list[str], right: list[str]) -> int:
    for one, other in zip(left, right, strict=False):
        if one == other:
            continue
        if one.isdigit() and other.isdigit():
            return -1 if int(one) < int(other) else 1
        if one.isdigit() or other.isdigit():
            return -1 if one.isdigit() else 1
        return -1 if one < other else 1
    return (len(left) > len(right)) - (len(left) < len(right))


@dataclass(frozen=True, slots=True)
class _Constraint:
    operator: str
    version: Version
    known: int
    """How many of the three numbers are given and no wildcard."""

    def allows(self, version: Version) -> bool:
        if version.prerelease and not self.version.prerelease:
            return False
        if self.operator == "!=":
            return not self._equal(version)
        if self.operator in ("", "=", "=="):
            return self._equal(version)
        if self.operator in ("~", "~>"):
            return self._tilde(version)
        if self.operator == "^":
            return self._caret(version)
        return self._ordered(version)

    def _equal(self, version: Version) -> bool:
        if self.known == 3:
            return compare_versions(version, self.version) == 0
        return version.key[: self.known] == self.version.key[: self.known]

    def _tilde(self, version: Version) -> bool:
        if self.known == 0:
            return True
        fixed = 1 if self.known == 1 else 2
        same = version.key[:fixed] == self.version.key[:fixed]
        return same and compare_versions(version, self.version) >= 0

    def _caret(self, version: Version) -> bool:
        if self.known == 0:
            return True
        if compare_versions(version, self.version) < 0:
            return False
        numbers = self.version.key
        fixed = next((n + 1 for n in range(3) if numbers[n] or n + 1 == self.known), 3)
        return version.key[:fixed] == numbers[:fixed]

    def _ordered(self, version: Version) -> bool:
        order = compare_versions(version, self.version)
        if self.operator in (">=", "=>"):
            return order >= 0
        if self.operator == "<":
            return order < 0
        within = version.key[: self.known] == self.version.key[: self.known]
        if self.operator == ">":
            return order > 0 and (self.known == 3 or not within)
        return order <= 0 or (self.known < 3 and within)


def satisfies(constraint: str, version: Version) -> bool:
    """Return whether a version satisfies a constraint; raises Fault for a bad constraint."""
    groups = [_group(part, constraint) for part in constraint.split("||")]
    return any(all(one.allows(version) for one in group) for group in groups)


def _group(text: str, whole: str) -> list[_Constraint]:
    spread = _HYPHEN.sub(r" >=\1, <=\2 ", text).strip()
    if len(whole) > _LONGEST or not _ALL.match(spread):
        raise Fault(f'improper constraint: "{whole}"')
    found: list[_Constraint] = []
    for match in _ONE.finditer(spread):
        parts = match.group(3, 4, 5)
        numbers = [0, 0, 0]
        known = 0
        for part in parts:
            if part is None or not part.isdigit():
                break
            numbers[known] = int(part)
            known += 1
        version = Version(numbers[0], numbers[1], numbers[2], match[6] or "")
        found.append(_Constraint(match[1] or "", version, known))
    return found
