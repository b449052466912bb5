"""Async tests run on asyncio."""

import pytest

pytest.register_assert_rewrite("tiphys.testing.pod_contract", "tiphys.testing.runtime_contract")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
