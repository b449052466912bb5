"""What makes workflows run on a server: submit, retry, resubmit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.options import need, resubmit_options, retry_options
from tiphys.cli.remote.changing import named
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.remote.reading import follow_logs, wait_for, watch_one
from tiphys.cli.remote.things import (
    Thing,
    can_be_sent,
    object_things,
    sent,
    template_things,
)
from tiphys.cli.styling import watched_nodes
from tiphys.cli.submit import (
    background_options,
    check_combination,
    check_watched,
    load_files,
    options_of,
)
from tiphys.cli.writing import write
from tiphys.errors import Impossible, UserError

if TYPE_CHECKING:
    from tiphys.client.http import JsonObject
    from tiphys.service.documents import Loaded
    from tiphys.service.submit import Overrides


@click.command()
@background_options
@with_server
def submit(remote: Remote, files: tuple[str, ...], output: str | None, **values: Any) -> int:
    """Run the workflows of FILES on the server.

    FILES are paths, URLs or "-" for standard input. Templates and other objects beside a
    workflow are kept on the server first, templates unless others of their names are there. What
    else it refers to must be there.
    Without FILES, --from names what is stored: cronwf/NAME, wftmpl/NAME, cwftmpl/NAME.
    """
    check_combination(output, values)
    keep = watched_nodes(values)
    if values["stored"] and files:
        raise click.UsageError("cannot combine --from with file arguments")
    if values["stored"]:
        made = [_submit_stored(remote, values)]
    else:
        made = _submit_files(remote, files, values)
    return afterwards(remote, made, {**values, "output": output, "keep": keep})


def _submit_files(
    remote: Remote, files: tuple[str, ...], values: dict[str, Any]
) -> list[JsonObject]:
    from tiphys.library.submitting import workflows_of
    from tiphys.model.codec import encode
    from tiphys.service.submit import apply_options

    loaded = load_files(files, bool(values["strict"]))
    workflows = workflows_of(loaded)
    check_watched(len(workflows), values)
    options = options_of(remote.namespace, values)
    if not values["dry_run"] and not values["server_dry_run"]:
        _send_beside(remote, loaded)
    asked = [encode(apply_options(item, options, loaded.beside())) for item, _ in workflows]
    if values["dry_run"]:
        return asked
    return [remote.workflows.create(item, bool(values["server_dry_run"])) for item in asked]


def _send_beside(remote: Remote, loaded: Loaded) -> None:
    """Send what stands beside workflows; say what cannot be sent, and go on without it."""
    left = [item for _, item in loaded.crons]
    left += [item for _, item in loaded.others if not can_be_sent(item)]
    things = object_things(remote, loaded)
    try:
        _send(things)
    except Impossible:  # Argo's server; what it needs may be in its cluster
        left += [item for _, item in loaded.others if can_be_sent(item)]
    if left:
        names = ", ".join(f"{item.kind} {item.label}" for item in left)
        sys.stderr.write(f"not sent, since this server has no way to keep them: {names}\n")
    _send(template_things(remote, loaded))


def _send(things: Sequence[Thing]) -> None:
    for thing, verb in sent(things, replaces=False):
        sys.stderr.write(f"{thing.kind} {thing.name} {verb} on the server\n")


def _submit_stored(remote: Remote, values: dict[str, Any]) -> JsonObject:
    from tiphys.service.from_stored import check_time

    kind, slash, name = str(values["stored"]).partition("/")
    if not slash:
        raise UserError(
            f"resource identifier '{kind}' is malformed. Should be `kind/name`, "
            "e.g. cronwf/hello-world-cwf"
        )
    options = _submit_options(options_of(remote.namespace, {**values, "priority": None}))
    if values["scheduled_time"]:
        check_time(values["scheduled_time"])
        annotation = f"workflows.argoproj.io/scheduled-time={values['scheduled_time']}"
        options["annotations"] = ",".join(filter(None, [str(options["annotations"]), annotation]))
    options["dryRun"] = values["dry_run"]
    options["serverDryRun"] = values["server_dry_run"]
    return remote.workflows.submit(kind, name, options)


def _submit_options(options: Overrides) -> JsonObject:
    """Return options as Argo's SubmitOpts."""
    return {
        "name": options.name,
        "generateName": options.generate_name,
        "entryPoint": options.entrypoint,
        "parameters": [f"{name}={value}" for name, value in options.parameters],
        "labels": ",".join(f"{name}={value}" for name, value in options.labels),
        "annotations": ",".join(f"{name}={value}" for name, value in options.annotations),
        "artifacts": [f"{name}={value}" for name, value in options.artifacts],
        "serviceAccount": options.service_account,
        "podPriorityClassName": options.pod_priority_class_name,
    }


@click.command()
@retry_options
@with_server
def retry(remote: Remote, names: tuple[str, ...], **values: Any) -> int:
    """Go on with workflows that failed: what succeeded is kept. @latest is the newest."""
    labels, fields = values["labels"], values["fields"]
    need(names or labels or fields, "requires either node field selector or workflow")
    body: JsonObject = {
        "restartSuccessful": values["restart_successful"],
        "nodeFieldSelector": values["selector"],
        "parameters": [*values["parameters"]],
    }
    return _again(remote, named(remote, names, labels, fields), "retry", body, values)


@click.command()
@resubmit_options
@with_server
def resubmit(remote: Remote, names: tuple[str, ...], **values: Any) -> int:
    """Run workflows anew under another name; @latest is the newest."""
    body: JsonObject = {"memoized": values["memoized"], "parameters": [*values["parameters"]]}
    found = named(remote, names, values["labels"], values["fields"])
    return _again(remote, found, "resubmit", body, values)


def _again(
    remote: Remote, names: list[str], verb: str, body: JsonObject, values: dict[str, Any]
) -> int:
    if values["waits"] and values["watches"]:
        raise UserError("--wait cannot be combined with --watch")
    made = [remote.workflows.act(name, verb, {"name": name, **body}) for name in names]
    return afterwards(remote, made, of_one(made, values))


def of_one(made: list[JsonObject], values: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be done afterwards: of several workflows none is followed, as in Argo."""
    if len(made) == 1:
        return values
    return {**values, "logs": False, "watches": False, "waits": False}


def afterwards(
    remote: Remote,
    made: list[JsonObject],
    values: dict[str, Any],
    shown: Callable[[dict[str, Any], str | None], str] | None = None,
) -> int:
    """Show workflows, by `shown` if that is given, and what becomes of them if that is asked."""
    from tiphys.cli import printing
    from tiphys.cli.render import Style

    output = values["output"]
    for item in made:
        style = Style(colour=remote.colour)
        write(shown(item, output) if shown else printing.one(item, output, style))
    names = [_name(item) for item in made]
    if values["logs"]:
        for name in names:
            follow_logs(remote, name)
    if values["watches"]:
        watch_one(remote, names[0], values.get("keep"))
    if values["waits"]:
        return max([wait_for(remote, name, quiet=output is not None) for name in names], default=0)
    return 0


def _name(workflow: JsonObject) -> str:
    metadata = workflow.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
