"""Every runtime with real processes runs whole pods."""

from __future__ import annotations

import pytest
from tests.contract.worlds import RUNTIMES, real_world

from tiphys.testing.pod_contract import PodContract


@pytest.fixture(params=RUNTIMES)
def world(request, tmp_path):
    yield from real_world(request.param, tmp_path)


class TestPods(PodContract):
    """All claims, for all worlds."""
