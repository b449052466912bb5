"""What a workflow leaves at work is said by every verb that ends it, forgets it or sees its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow


async def say_what_goes_on(home: Local, row: RunRow) -> None:
    """Say on standard error which objects that a run made are at work still."""
    from tiphys.cli.render.left import left_lines
    from tiphys.service.kept_objects import KeptObjects

    found = await KeptObjects(home.objects).at_work(row.namespace, row.run)
    lines = left_lines(row.name, row.namespace, found)
    sys.stderr.write("".join(f"{line}\n" for line in lines))
