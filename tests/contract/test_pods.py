"""Every runtime with real processes runs whole pods."""

from __future__ import annotations

import pytest
from tests.contract.container_engine import containers_of_test, need_engine
from tests.contract.test_runtimes import WHY_NO_SANDBOX, ContainerWorld, RealWorld, left_over

from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.pod_contract import PodContract


@pytest.fixture(params=["process", "sandbox", "podman", "docker"])
def world(request, tmp_path):
    if request.param == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    if request.param in {"podman", "docker"}:
        found = need_engine(request.param)
        yield ContainerWorld(tmp_path, found)
        assert not containers_of_test(tmp_path, found), "a pod left containers behind"
        assert not left_over(tmp_path), "a pod left processes behind"
        return
    yield RealWorld(SandboxRuntime if request.param == "sandbox" else ProcessRuntime, tmp_path)
    assert not left_over(tmp_path), "a pod left processes behind"


class TestPods(PodContract):
    """All claims, for all worlds."""
