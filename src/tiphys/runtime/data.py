"""Data templates: the keys below an artifact, piped through expressions.

Nothing is changed outside, so a job may be done again at any time.
Source: reference/engine.md 10.2, reference/executor.md 8; argo workflow/data.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tiphys.errors import Permanent, TiphysError
from tiphys.executor.transfers import DriverOf
from tiphys.expr.evaluate import evaluate
from tiphys.expr.render import to_json
from tiphys.expr.values import Context, TypedList, Value
from tiphys.messages import JobSpec
from tiphys.model.arguments import Outputs
from tiphys.model.artifacts import ArtifactLocation
from tiphys.model.locations import complete
from tiphys.model.templates import Data
from tiphys.ports import Capabilities, Clock
from tiphys.runtime.inline import Desk, End, InlineRuntime, failed_as_main


class DataRuntime(InlineRuntime):
    """Evaluates data templates; `drivers` list what artifacts hold."""

    name = "data"
    capabilities = Capabilities(frozenset({"data"}))

    def __init__(self, root: Path, clock: Clock, drivers: DriverOf) -> None:
        super().__init__(root, clock)
        self._drivers = drivers

    async def work(self, job: JobSpec, desk: Desk) -> End:
        """List, transform, print."""
        data = job.template.data
        if data is None:
            raise Permanent("no data template found")
        context = Context(datetime.fromtimestamp(self._clock.now(), UTC))
        try:
            keys = await self._keys(data, job.template.archive_location)
            result = _transformed(data, keys, context)
        except TiphysError as exc:
            raise Permanent(f"unable to process data template: {exc}") from exc
        desk.write(f"{len(keys)} keys listed")
        return End("Succeeded", "", Outputs(result=result, exit_code="0"))

    def broken(self, problem: BaseException) -> End:
        """Return the end of a pod whose main container failed."""
        return failed_as_main(problem)

    async def _keys(self, data: Data, base: ArtifactLocation | None) -> list[str]:
        """Return the keys below the source, in the store's order. Raises TiphysError."""
        paths = data.source.artifact_paths
        if paths is None:
            raise Permanent("no valid source is used for data template")
        where = complete(paths, base)
        return [entry.key async for entry in self._drivers(where).list(where)]


def _transformed(data: Data, keys: list[str], context: Context) -> str:
    """Return the JSON of the last value. Raises ExprError."""
    value: Value = TypedList([*keys], "string")
    for step in data.transformation:
        if step.expression:
            value = evaluate(step.expression, {"data": value}, context)
    return to_json(value)
