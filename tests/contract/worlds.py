"""The runtimes with real processes that a suite is run with; none may leave anything behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.contract.container_engine import containers_of_test, need_engine
from tests.contract.test_runtimes import WHY_NO_SANDBOX, ContainerWorld, RealWorld, left_over

from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime

RUNTIMES: Final = ("process", "sandbox", "podman", "docker")


def real_world(runtime: str, folder: Path) -> Iterator[RealWorld]:
    """Yield a world of a runtime; skip the test where there is none. For fixtures."""
    if runtime == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    if runtime in {"podman", "docker"}:
        found = need_engine(runtime)
        yield ContainerWorld(folder, found)
        assert not containers_of_test(folder, found), "containers are left behind"
    else:
        yield RealWorld(SandboxRuntime if runtime == "sandbox" else ProcessRuntime, folder)
    assert not left_over(folder), "processes are left behind"
