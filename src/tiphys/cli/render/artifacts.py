"""The artifacts of a workflow as a table, as documents and as names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tiphys.cli.render.output import to_json, to_yaml
from tiphys.cli.render.sizes import size
from tiphys.cli.render.table import Line, one_line, render_table
from tiphys.errors import UserError
from tiphys.model.artifacts import location_type
from tiphys.model.base import Json
from tiphys.model.codec import encode
from tiphys.model.locations import key_of
from tiphys.service.outputs import Output

PADDING = 3
_NONE = "No artifacts found\n"
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Listed:
    """An artifact, with size in bytes and SHA-256 where they are known."""

    output: Output
    size_bytes: int | None = None
    sha256: str = ""

    def sized(self, size_bytes: int | None) -> Listed:
        """Return the same with a size."""
        return replace(self, size_bytes=size_bytes)

    @property
    def place(self) -> str:
        """Its key, or what stands for one."""
        artifact = self.output.artifact
        if artifact.items is not None:
            return f"({len(artifact.items.artifacts)} items of a loop)"
        try:
            return key_of(artifact)
        except UserError:
            return "-"

    def document(self) -> dict[str, Json]:
        """Return it for programs."""
        node, artifact = self.output.node, self.output.artifact
        found: dict[str, Json] = {"node": node.name, "nodeId": node.id}
        found["artifact"] = encode(artifact)
        if self.size_bytes is not None:
            found["sizeBytes"] = self.size_bytes
        if self.sha256:
            found["sha256"] = self.sha256
        if self.output.deletion_state:
            found["deletion"] = self._deletion()
        return found

    def _deletion(self) -> dict[str, Json]:
        found: dict[str, Json] = {"state": self.output.deletion_state}
        row = self.output.deletion
        if row is not None:
            found |= {"strategy": row.deletion.strategy, "tries": row.tries}
            if row.error:
                found["error"] = row.error
        return found


def render_artifacts(listed: Sequence[Listed], output: str | None) -> str:
    """Return the artifacts in the form that `-o` asks for; names are `<node id>/<artifact>`."""
    match output:
        case "json":
            return to_json([item.document() for item in listed])
        case "yaml":
            return to_yaml([item.document() for item in listed])
        case "name":
            return "".join(f"{i.output.node.id}/{i.output.artifact.name}\n" for i in listed)
    if not listed:
        return _NONE
    columns = _Columns(output == "wide", any(item.output.deletion_state for item in listed))
    return render_table([columns.titles(), *(tuple(columns.cells(i)) for i in listed)], PADDING)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns there are: more if the table may be wide, or something is to be deleted."""

    is_wide: bool
    tells_deletions: bool

    def titles(self) -> Line:
        wide = ("STORE", "SHA256", "NODE ID") if self.is_wide else ()
        state = ("DELETION",) if self.tells_deletions else ()
        return ("NODE", "ARTIFACT", "SIZE", *state, *wide, "KEY")

    def cells(self, item: Listed) -> Iterator[str]:
        node, artifact = item.output.node, item.output.artifact
        yield node.display_name or node.name
        yield artifact.name
        yield "-" if item.size_bytes is None else size(item.size_bytes)
        if self.tells_deletions:
            yield _deletion(item.output, self.is_wide)
        if self.is_wide:
            yield location_type(artifact) or "-"
            yield item.sha256[:_DIGITS] or "-"
            yield node.id
        yield item.place


def _deletion(output: Output, is_wide: bool) -> str:
    """Return the state of a deletion; with the cause of a failure if there is room."""
    row, state = output.deletion, output.deletion_state
    if row is not None and row.error and row.state != "deleted":
        return f"{state}: {one_line(row.error)}" if is_wide else state
    return state or "-"
