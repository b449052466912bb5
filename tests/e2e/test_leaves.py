"""Templates that are no containers, from the command line: results, and what a kill leaves."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.driver import Home, kill, until
from tests.e2e.workflows import given, workflow

from tiphys.ports import ObjectRef
from tiphys.store.sqlite import SqliteStore
from tiphys.testing.runtime_contract import SystemClock

STEPS = 12


class Answers(http.server.BaseHTTPRequestHandler):
    """Says "here" to a GET; to a plugin call it says whose template it was."""

    def do_GET(self) -> None:
        self.answer(b"here")

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = {"result": call["template"]["plugin"]["hello"]["text"]}
        known = self.headers["Authorization"] == "Bearer opensesame"
        node = {"phase": "Succeeded", "outputs": result}
        self.answer(json.dumps({"node": node} if known else {}).encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def create(name: str, **more: Any) -> dict[str, Any]:
    """Return a template that creates a ConfigMap with some label."""
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: made-}, data: {k: v}}"
    value = {"name": "made", "valueFrom": {"jsonPath": "{.metadata.name}"}}
    resource = {"action": "create", "manifest": manifest, **more}
    return {"name": name, "resource": resource, "outputs": {"parameters": [value]}}


def objects(home: Home) -> list[str]:
    """Return the names of the stored ConfigMaps."""
    rows = home.rows("SELECT name FROM objects WHERE kind = 'ConfigMap' ORDER BY created")
    return [name for (name,) in rows]


def test_each_kind_of_leaf_yields_what_it_should(home: Home, server: str) -> None:
    settings = {"idle_seconds": 0.3, "plugins": [{"address": server, "token": "opensesame"}]}
    home.file("settings.yaml", settings)
    kept = home.home / "artifacts" / "in" / "a.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text("x")
    paths = {"name": "in", "s3": {"key": "in"}}
    flags = ["cm", "{{inputs.parameters.object}}"]
    value = {"name": "value", "valueFrom": {"jqFilter": ".data.k"}}
    leaves: list[dict[str, Any]] = [
        create("make"),
        {
            "name": "read",
            "inputs": {"parameters": [{"name": "object"}]},
            "resource": {"action": "get", "flags": flags},
            "outputs": {"parameters": [value]},
        },
        {"name": "web", "http": {"url": server}},
        {"name": "ask", "plugin": {"hello": {"text": "hi"}}},
        {
            "name": "find",
            "data": {
                "source": {"artifactPaths": paths},
                "transformation": [{"expression": "map(data, {# + '!'})"}],
            },
        },
    ]
    tasks: list[dict[str, Any]] = [
        {"name": item["name"], "template": item["name"]} for item in leaves
    ]
    tasks[1] |= {
        "depends": "make",
        "arguments": given(object="{{tasks.make.outputs.parameters.made}}"),
    }
    main = {"name": "main", "dag": {"tasks": tasks}}
    file = home.file("leaves.json", workflow("leaves", main, *leaves))
    home.ok("run", file)
    nodes = home.nodes("leaves")
    outputs = {name: node.get("outputs", {}) for name, node in nodes.items()}
    assert outputs["make"]["parameters"][0]["value"] == objects(home)[0]
    assert outputs["read"]["parameters"][0]["value"] == "v"
    assert outputs["web"]["result"] == "here"
    assert outputs["ask"]["result"] == "hi"
    assert outputs["find"]["result"] == '["in/a.csv!"]'
    assert {nodes[name]["type"] for name in ("make", "find")} == {"Pod"}
    assert (nodes["web"]["type"], nodes["ask"]["type"]) == ("HTTP", "Plugin")


def test_plugin_templates_are_refused_without_plugins(home: Home) -> None:
    file = home.file("p.json", workflow("p", {"name": "main", "plugin": {"x": {}}}))
    result = home.run("run", file)
    assert result.code == 2
    assert "plugin templates" in result.err


def test_what_a_workflow_owns_is_deleted_with_it(home: Home) -> None:
    home.ok("run", home.file("o.json", workflow("o", create("main", setOwnerReference=True))))
    home.ok("run", home.file("u.json", workflow("u", create("main"))))
    assert len(objects(home)) == 2
    home.ok("delete", "o")
    assert len(objects(home)) == 1


@pytest.mark.parametrize("number", range(4))
def test_a_killed_engine_creates_every_object_once(home: Home, number: int) -> None:
    tasks = [{"name": f"t{n}", "template": "make"} for n in range(STEPS)]
    main = {"name": "main", "dag": {"tasks": tasks}}
    name = home.submit(home.file("k.json", workflow("k", main, create("make"))))
    for count in (1, STEPS // 2):
        until(lambda least=count: len(objects(home)) >= least, "objects")
        time.sleep(number * 0.003)  # another moment in each run of this test
        for pid in home.engines():
            kill(pid)
        home.start("resume", name)
    home.ok("wait", name)
    values = [
        node["outputs"]["parameters"][0]["value"]
        for node in home.nodes(name).values()
        if node["type"] == "Pod"
    ]
    assert sorted(values) == sorted(objects(home))
    assert len(values) == STEPS


def test_waiting_for_an_object_goes_on_after_a_kill(home: Home) -> None:
    template = create("main", successCondition="status.done = true")
    name = home.submit(home.file("w.json", workflow("w", template)))
    made = until(lambda: objects(home), "the object")[0]
    for pid in home.engines():
        kill(pid)
    asyncio.run(set_done(home, made))
    home.ok("wait", name)
    assert objects(home) == [made]
    assert [node["phase"] for node in home.nodes(name).values()] == ["Succeeded"]


async def set_done(home: Home, name: str) -> None:
    """Do what whoever runs an object does: change its status, from another process."""
    store = SqliteStore(home.home)
    stored = store.objects(SystemClock())
    document = await stored.get(ObjectRef("v1", "ConfigMap", "default", name))
    await stored.replace({**document, "status": {"done": True}})
    store.close()
