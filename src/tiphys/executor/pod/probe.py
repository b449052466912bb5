"""A probe over time: when it is asked, and what it says after how many answers.

No clock and no process in here: the supervisor hands in both.
Source: Kubernetes pkg/kubelet/prober/worker.go; the defaults are core/v1 SetDefaults_Probe's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class Probe:
    """`verdict` is None until there is one, then whether the container is well.

    `at` is when to ask next (math.inf: not until an answer has come), `until` when the answer
    that is awaited comes too late.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.handler = given
        self._delay = float(given.get("initialDelaySeconds") or 0)
        self._period = float(given.get("periodSeconds") or 10)
        self._timeout = float(given.get("timeoutSeconds") or 1)
        self._enough = int(given.get("successThreshold") or 1)
        self._too_many = int(given.get("failureThreshold") or 3)
        self.verdict: bool | None = None
        self.at = math.inf
        self.until = math.inf
        self._count = 0
        self._last: bool | None = None

    def begin(self, now: float) -> None:
        """Start to ask: the container has started."""
        self.at = now + self._delay

    def asked(self, now: float) -> None:
        """Say that the question was put."""
        self.at, self.until = math.inf, now + self._timeout

    def answered(self, now: float, is_well: bool) -> None:
        """Count an answer."""
        self._count = self._count + 1 if is_well == self._last else 1
        self._last = is_well
        if self._count >= (self._enough if is_well else self._too_many):
            self.verdict = is_well
        self.at, self.until = now + self._period, math.inf

    def end(self) -> None:
        """Ask no more."""
        self.at = self.until = math.inf
