"""Every runtime with real processes runs whole pods."""

from __future__ import annotations

import pytest
from tests.contract.test_runtimes import WHY_NO_SANDBOX, RealWorld, left_over

from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.pod_contract import PodContract


@pytest.fixture(params=["process", "sandbox"])
def world(request, tmp_path):
    if request.param == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    yield RealWorld(SandboxRuntime if request.param == "sandbox" else ProcessRuntime, tmp_path)
    assert not left_over(tmp_path), "a pod left processes behind"


class TestPods(PodContract):
    """All claims, for all worlds."""
