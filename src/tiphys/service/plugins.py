"""Executor plugins as a cluster wants them: a ConfigMap with what runs beside the agent.

Source: reference/cli.md 18, executor.md 8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from tiphys.errors import Finding, InvalidDocument, UserError
from tiphys.model.base import JsonObject
from tiphys.model.codec import to_yaml
from tiphys.model.containers import Container
from tiphys.model.decode import in_document_order, inspect
from tiphys.model.documents import split_documents
from tiphys.model.spec import ExecutorPlugin, ExecutorPluginSpec

_MADE: Final = "made by `tiphys executor-plugin build`"
FILE: Final = "plugin.yaml"
_TYPE: Final = ("kind", "apiVersion")
_KIND_LABEL: Final = "workflows.argoproj.io/configmap-type"
_DESCRIPTION: Final = "workflows.argoproj.io/description"
_VERSION: Final = "workflows.argoproj.io/version"


def built(files: Mapping[str, str], file: str = FILE) -> Iterator[tuple[str, str]]:
    """Yield name and text of the files to write: the ConfigMap, then README.md.

    `files` are plugin.yaml, which errors call `file`, and each server.*. Raises InvalidDocument,
    and UserError if there is more than one server.
    """
    plugin = _plugin(files[FILE], file)
    servers = [text for name, text in files.items() if name != FILE]
    if len(servers) > 1:
        raise UserError(f"plugin {plugin.metadata.name} has more than one server.* file")
    if servers:
        plugin = _serving(plugin, servers[0])
    config = f"{plugin.metadata.name}-executor-plugin"
    yield f"{config}-configmap.yaml", f"# {_MADE}\n{to_yaml(_config_map(plugin, config))}"
    yield "README.md", _page(plugin, config)


def _plugin(text: str, file: str) -> ExecutorPlugin:
    """Return the plugin of a file. Raises InvalidDocument."""
    documents = split_documents(text, file)
    if len(documents) != 1:
        raise InvalidDocument([Finding(f"{len(documents)} documents instead of one", file=file)])
    (document,) = documents
    if document.kind != "ExecutorPlugin":
        reason = f'the kind is ExecutorPlugin, not "{document.kind}"'
        raise InvalidDocument([document.finding(reason, ("kind",))])
    value = {key: item for key, item in document.value.items() if key not in _TYPE}
    made = inspect(dataclasses.replace(document, value=value), ExecutorPlugin)
    if made.value is None:
        raise InvalidDocument(in_document_order(made.findings))
    if not made.value.metadata.name:
        raise InvalidDocument([document.finding("metadata.name is required", ("metadata",))])
    if made.value.spec.sidecar.container is None:
        raise InvalidDocument([document.finding("spec.sidecar.container is required", ("spec",))])
    return made.value


def _serving(plugin: ExecutorPlugin, source: str) -> ExecutorPlugin:
    """Return a plugin whose container's only argument is the program that serves."""
    sidecar = plugin.spec.sidecar
    container = sidecar.container
    if container is not None:
        container = replace(container, args=(source,))
    return replace(plugin, spec=ExecutorPluginSpec(sidecar=replace(sidecar, container=container)))


def _config_map(plugin: ExecutorPlugin, name: str) -> JsonObject:
    sidecar, given = plugin.spec.sidecar, plugin.metadata
    container = sidecar.container or Container()
    data = {"sidecar.container": to_yaml(container)}
    if sidecar.automount_service_account_token is not None:
        mounts = "true" if sidecar.automount_service_account_token else "false"
        data["sidecar.automountServiceAccountToken"] = mounts
    metadata: JsonObject = {
        "name": name,
        "labels": {**given.labels, _KIND_LABEL: "ExecutorPlugin"},
    }
    if given.annotations:
        metadata["annotations"] = {**given.annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {**data}}


def _page(plugin: ExecutorPlugin, config: str) -> str:
    """Return the page that says what the plugin is and how it is installed."""
    name, notes = plugin.metadata.name, plugin.metadata.annotations
    about = [notes[key] for key in (_DESCRIPTION, _VERSION) if key in notes]
    lines = [
        f"<!-- {_MADE} -->",
        f"# {name}",
        *(line for text in about for line in ("", text)),
        "",
        "Install: `kubectl apply -f " + f"{config}-configmap.yaml`",
        "",
        f"Uninstall: `kubectl delete configmap {config}`",
    ]
    return "\n".join(lines) + "\n"
