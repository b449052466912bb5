"""Homes for end-to-end tests, one for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.driver import Home

from tiphys.runtime import sandbox


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for compiled modules, so that every command starts as an installed one does."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def home(tmp_path: Path, cache: Path) -> Iterator[Home]:
    """A new home whose jobs run as plain processes."""
    place = Home(tmp_path, "process", cache)
    yield place
    place.close()


@pytest.fixture(params=["process", "sandbox"])
def each_home(request: pytest.FixtureRequest, tmp_path: Path, cache: Path) -> Iterator[Home]:
    """A new home for each of the local runtimes."""
    if request.param == "sandbox" and (why := sandbox.available()) is not None:
        pytest.skip(why)
    place = Home(tmp_path, request.param, cache)
    yield place
    place.close()
