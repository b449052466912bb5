"""What `archive` is here and through a server alike: its options, which workflow is meant, output.

Source: argo cmd/argo/commands/archive; reference/cli.md 14.
Differs: a name is matched whole, not by its beginning, and `--field-selector` is no namespace.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

import click

from tiphys.cli import printing
from tiphys.cli.kinds import OneOf
from tiphys.cli.options import OUTPUT, after_options, chunk_option, parameter_option, stacked
from tiphys.cli.render import ListStyle, sort_workflows
from tiphys.cli.render.archive import render_alike, render_archived
from tiphys.cli.render.output import to_yaml
from tiphys.cli.selecting import field_selector_option, selector_option
from tiphys.errors import NotFound, UserError

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")

identity_options = stacked(
    click.option("--name", "as_name", is_flag=True, help="What is given is a name."),
    click.option("--uid", "as_uid", is_flag=True, help="What is given is a uid."),
)
"""The options that say whether a name or a uid is given."""
list_options = stacked(
    click.option("-o", "--output", type=OUTPUT, default="wide"),
    selector_option,
    chunk_option("--chunk-size"),
)
"""The options of `list`."""
get_output_option = click.option(
    "-o", "--output", type=OneOf(["json", "yaml", "wide"]), default="wide"
)
key_option = click.option(
    "-l", "--selector", "key", required=True, metavar="KEY", help="The label whose values."
)


again_options = stacked(
    click.argument("names", nargs=-1),
    parameter_option,
    click.option("--priority", type=int, expose_value=False, hidden=True),
    selector_option,
    field_selector_option,
    identity_options,
    after_options,
)
"""The arguments and options that `resubmit` and `retry` share."""


def check_identity(as_uid: bool, as_name: bool) -> None:
    """Refuse both options at once. Raises UserError with cobra's words."""
    if as_uid and as_name:
        raise UserError(
            "if any flags in the group [name uid] are set none of the others can be; [name uid] "
            "were all set"
        )


def check_wanted(names: Sequence[str], values: dict[str, Any]) -> None:
    """Refuse what names no workflow, and options that contradict each other. Raises UserError."""
    check_identity(values["as_uid"], values["as_name"])
    if values["waits"] and values["watches"]:
        raise UserError("--wait cannot be combined with --watch")
    if not names and not values["labels"] and not values["fields"]:
        raise click.UsageError("requires either a workflow, --selector or --field-selector")


def is_uid(identifier: str, as_uid: bool, as_name: bool) -> bool:
    """Tell whether a word on the command line is a uid: it looks like one, or is said to be."""
    return as_uid or (not as_name and _UID.match(identifier) is not None)


def uid_of(identifier: str, found: Sequence[dict[str, Any]]) -> str:
    """Return the uid of the only workflow that has a name. Raises NotFound, UserError."""
    if not found:
        raise NotFound(f"resolve UID: archived workflow '{identifier}' not found")
    if len(found) > 1:
        raise UserError(f"resolve UID: {render_alike(identifier, found, time.time())}")
    return str(found[0]["metadata"]["uid"])


def several(workflows: Sequence[dict[str, Any]], output: str) -> str:
    """Return a list of archived workflows as text."""
    style = ListStyle(wide=True, namespaces=True, uids=True)
    return printing.several([dict(item) for item in sort_workflows(workflows)], output, style)


def one(workflow: dict[str, Any], output: str | None) -> str:
    """Return an archived workflow, or one made of it, as text."""
    match output:
        case "json":
            return json.dumps(workflow, ensure_ascii=False, separators=(",", ":")) + "\n"
        case "yaml":
            return f"{to_yaml(workflow)}\n"
        case _:
            return render_archived(workflow, time.time())
