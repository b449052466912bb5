"""Every error of Tiphys: whose fault it is, where, and how to mend it.

TiphysError
├─ UserError                 the request is wrong; say where and how to mend it
│   ├─ InvalidDocument       path, line, reason, hint       400   exit 2
│   │   └─ Denied            an object that an admission webhook would refuse
│   ├─ Unsupported           feature, place                 400   exit 2
│   ├─ Unauthenticated       who asks is not known          401
│   ├─ Forbidden             who asks may not               403
│   ├─ NotFound              404
│   ├─ Conflict              409
│   │   └─ Ended             400: Argo's answer when a workflow has ended
│   └─ TooMuch               a limit of the server          429
├─ WorldError                something outside misbehaved
│   ├─ Transient             the same call may work later   503
│   ├─ Permanent             the same call will fail again  502
│   └─ Impossible            this installation has no such thing 500
├─ StoreError
│   ├─ LostOwnership         another owner has the run; drop it, do not retry
│   └─ Corrupt               stop and tell a person         500
└─ EngineBug                 an invariant broke; bundle and report  500

The class says what the caller should do; no code tests an error by its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning"]


class TiphysError(Exception):
    """The root: everything Tiphys raises on purpose."""


class UserError(TiphysError):
    """The request is wrong; the text says where and how to mend it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a document.

    `file` is the name the user gave ("stdin" for standard input); `line` and `column` count from
    1, 0 when unknown; `path` is the field ("spec.templates[0].container"); `reason` is Argo's
    exact text where Argo has one; `hint` is ours. A warning refuses nothing; `rule` is the check.
    """

    reason: str
    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    hint: str = ""
    severity: Severity = "error"
    rule: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}"
        text = f"{place}: {self.reason}" if place else self.reason
        return f"{text}; {self.hint}" if self.hint else text


class InvalidDocument(UserError):
    """One or more documents cannot be used; `findings` has every reason, in document order."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("\n".join(str(item) for item in findings))


class Denied(InvalidDocument):
    """An object is refused at the door, in the words of the webhook that does it on a cluster."""


class Unsupported(UserError):
    """The documents ask for what this version or the chosen runtime cannot do."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("\n".join(str(item) for item in findings))


class Unauthenticated(UserError):
    """Who asks cannot be told: no credential, or none that counts."""


class Forbidden(UserError):
    """Who asks is known and may not do that."""


class NotFound(UserError):
    """The named thing does not exist."""


class Conflict(UserError):
    """The request does not fit the present state of the thing."""


class Ended(Conflict):
    """The workflow has ended: that cannot be asked of it any more."""


class TooMuch(UserError):
    """More than the server takes: of one request, or of all requests together."""


class WorldError(TiphysError):
    """Something outside Tiphys misbehaved."""


class Transient(WorldError):
    """The same call may work after `retry_after` seconds."""

    def __init__(self, text: str, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(text)


class Permanent(WorldError):
    """The same call will fail again."""


class Impossible(WorldError):
    """This installation was not set up for that; clients know Argo's text."""


class StoreError(TiphysError):
    """The store cannot do its work."""


class LostOwnership(StoreError):
    """Another owner has the run; drop it and do not retry."""


class Corrupt(StoreError):
    """What is stored cannot be read; stop and tell a person."""


class EngineBug(TiphysError):
    """An invariant of the engine broke; the run ends as Error and a bundle is saved."""
