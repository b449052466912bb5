"""A Postgres of our own, as the tests have one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.measure import CommandError

if TYPE_CHECKING:
    from tests.postgres import Cluster


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Let a Postgres run that keeps what it is given. Raises CommandError where there is none."""
    try:
        from tests.postgres import Cluster, programs, why_not
    except ImportError as exc:
        raise CommandError(str(exc)) from exc
    found = programs()
    if found is None or why_not():
        raise CommandError(why_not())
    server = Cluster(found, is_safe=True)
    try:
        yield server
    finally:
        server.close()
