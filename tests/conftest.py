"""How many random programs and faults are tried: `--seeds` for more than every run can afford."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from tests.postgres import Cluster, cluster

# What runs by `auto` must not depend on whether somebody has podman: tests of it say so.
os.environ["DOCKER_HOST"] = "unix:///no/engine"
# Whoever starts the tests in the background ignores these; processes of tests inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_number, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=0, help="seeds of each random test")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes a `seed` its module's SEEDS, or as many as asked for."""
    given = any("seed" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "seed" in metafunc.fixturenames and hasattr(metafunc.module, "SEEDS") and not given:
        asked = metafunc.config.getoption("--seeds")
        metafunc.parametrize("seed", range(asked) if asked else metafunc.module.SEEDS)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A Postgres for all tests; each makes its own database there."""
    with cluster() as server:
        yield server
