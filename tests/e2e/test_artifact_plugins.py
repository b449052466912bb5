"""Artifacts behind a plugin, from the settings file to the files: the real gRPC server."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from tests.e2e.driver import Home
from tests.e2e.workflows import shell, workflow

pytest.importorskip("grpc", reason="grpcio is not installed: pip install 'tiphys[plugin]'")
from tests.contract.plugin_server import serve_plugin


def handed_on(plugin: str = "mine") -> dict[str, Any]:
    """Return a workflow whose second step reads what its first one has stored."""
    place = {"plugin": {"name": plugin, "configuration": "c: d", "key": "k/x.tgz"}}
    made = shell("make", "echo from the plugin > /tmp/x")
    made["outputs"] = {"artifacts": [{"name": "x", "path": "/tmp/x", **place}]}
    read = shell("read", "cat /tmp/y")
    read["inputs"] = {"artifacts": [{"name": "y", "path": "/tmp/y"}]}
    source = {"name": "y", "from": "{{steps.make.outputs.artifacts.x}}"}
    steps = [
        [{"name": "make", "template": "make"}],
        [{"name": "read", "template": "read", "arguments": {"artifacts": [source]}}],
    ]
    return workflow("w", {"name": "main", "steps": steps}, made, read)


def test_an_artifact_goes_through_a_plugin_that_the_settings_name(each_home: Home) -> None:
    home = each_home
    drivers = [{"name": "mine", "socket": "mine/socket"}]
    home.file("settings.yaml", {"idle_seconds": 0.3, "artifact_drivers": drivers})
    with start_blocking_portal() as portal:
        plugin = serve_plugin(home.path / "mine/socket", home.path / "kept")
        with portal.wrap_async_context_manager(plugin):
            home.ok("run", home.file("w.yaml", handed_on()))
            assert "w-read-" in home.ok("logs", "w")
            assert home.said().endswith("from the plugin\n")
            assert [item.name for item in (home.path / "kept/k").iterdir()] == ["x.tgz"]
            listed = home.ok("artifacts", "ls", "w", "-o", "wide")
            assert [line.split()[4] for line in listed.splitlines()[1:2]] == ["plugin"]
            home.ok("cp", "w", str(home.path / "out"))
            (copy,) = home.path.glob("out/**/x.tgz")
            assert copy.read_bytes() == (home.path / "kept/k/x.tgz").read_bytes()
            refused = home.run("run", home.file("o.yaml", handed_on("other")))
            assert (refused.code, refused.out) == (2, "")
            assert "artifact driver other not found" in refused.err


def test_without_plugins_such_artifacts_are_refused_with_the_way_out(home: Home) -> None:
    refused = home.run("run", home.file("w.yaml", handed_on()))
    assert refused.code == 2
    assert "plugin artifacts: the process runtime does not have them" in refused.err
    assert "`artifact_drivers`" in refused.err
