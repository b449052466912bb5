"""Argo's texts for what some kinds of store cannot do.

Source: reference/executor.md 10.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tiphys.errors import Permanent
from tiphys.ports import Entry

NO_LIST: Final = (
    "ListObjects is currently not supported for this artifact type, "
    "but it will be in a future version"
)
NO_DELETE: Final = (
    "delete not supported for this artifact storage, please check the following issue for "
    "details: https://github.com/argoproj/argo-workflows/issues/3102"
)


async def refuse_list() -> AsyncIterator[Entry]:
    """Raise Permanent when the first entry is asked for."""
    for text in (NO_LIST,):
        raise Permanent(text)
    yield Entry("", 0)  # makes this a generator, as the port wants
