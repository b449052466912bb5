"""What a workflow leaves at work is said by every verb that ends it, forgets it or sees its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tiphys.ports import ObjectRef

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.model.base import JsonObject
    from tiphys.ports import RunRow


_RESOURCE: Final = b'"resource"'
_LOOKS: Final = 4
_LOOK_SECONDS: Final = 0.3


async def say_if_nobody_keeps(home: Local, found: Sequence[JsonObject]) -> None:
    """Say on standard error that objects are at work and nobody runs them, and how they go on.

    One who has just begun takes a moment to be seen, so it is looked for more than once.
    """
    from tiphys.compile.workloads.standing import standing
    from tiphys.service.kept_objects import shown_name

    left = [item for item in found if standing(item).is_at_work]
    if not left:
        return
    for _ in range(_LOOKS):
        if await home.objects_have_keeper():
            return
        await asyncio.sleep(_LOOK_SECONDS)
    namespace = str(ObjectRef.of(left[0]).namespace)
    place = "" if namespace == "default" else f" -n {namespace}"
    sys.stderr.write(
        "Nobody keeps these objects at work any more: the process that did has ended. What runs "
        f"goes on; `tiphys objects logs -f {shown_name(left[0])}{place}` has all of them go on.\n"
    )


async def say_what_goes_on(home: Local, row: RunRow) -> None:
    """Say on standard error which objects that a run made are at work still."""
    from tiphys.cli.render.left import left_lines
    from tiphys.service.kept_objects import KeptObjects

    if not any(_RESOURCE in part for part in (row.document, row.extras)):
        return  # no template of it makes objects: looking through thousands of pods is spared
    found = await KeptObjects(home.objects).at_work(row.namespace, row.run)
    lines = left_lines(row.name, row.namespace, found)
    sys.stderr.write("".join(f"{line}\n" for line in lines))
