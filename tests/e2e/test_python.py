"""Tiphys from Python: docs/python.md does what it says; real runs, side by side and cancelled."""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.workflows import hello, inputs, shell, workflow

import tiphys
from tiphys.errors import Conflict, NotFound

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
HELLO = workflow(
    "hello",
    shell("say", "echo hello {{inputs.parameters.who}}", inputs=inputs("who")),
    arguments={"parameters": [{"name": "who", "value": "nobody"}]},
)
HELLO["metadata"] = {"generateName": "hello-"}
IGNORED = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Hera's own, of pydantic


@pytest.fixture
def given(home: Home) -> dict[str, Any]:
    """What says that a run is in a home of its own."""
    return {"home": home.home, "runtime": "process"}


@IGNORED
def test_the_page_does_what_it_says(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hera.workflows", reason="Hera is not installed")
    home.file("hello.yaml", HELLO)
    monkeypatch.chdir(home.path)
    monkeypatch.setenv("TIPHYS_HOME", str(home.home))
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    for number, block in enumerate(blocks):  # files, since Hera reads the source of functions
        file = home.file(f"block{number}.py", block)
        names = runpy.run_path(file, {k: v for k, v in names.items() if k[:2] != "__"})
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 4
    for test in tests:
        test()


def test_objects_beside_a_workflow_are_kept_and_used(given: dict[str, Any]) -> None:
    reads = {
        "name": "say",
        "container": {
            "image": "busybox",
            "command": ["sh", "-c", "echo $WORD"],
            "env": [
                {"name": "WORD", "valueFrom": {"configMapKeyRef": {"name": "words", "key": "w"}}}
            ],
        },
    }
    words = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}}
    result = tiphys.run([workflow("reads", reads), {**words, "data": {"w": "spoken"}}], **given)
    assert result.ok, result.message
    assert result.logs() == "spoken\n"


def test_options_override_the_workflow(given: dict[str, Any]) -> None:
    options = {"name": "other", "namespace": "team", "labels": {"a": "b"}}
    result = tiphys.run(hello(), **given, **options)
    assert (result.name, result.namespace) == ("other", "team")
    assert result.document["metadata"]["labels"]["a"] == "b"  # type: ignore[index,call-overload]
    with pytest.raises(Conflict, match="already exists"):
        tiphys.run(hello(), **given, **options)


def test_logs_of_a_deleted_workflow_are_not_found(home: Home, given: dict[str, Any]) -> None:
    result = tiphys.run(hello("gone"), **given)
    assert result.logs("gone") == "hello world\n"
    assert home.ok("delete", "gone")
    with pytest.raises(NotFound):
        result.logs()
    tiphys.run(hello("gone"), **given)
    with pytest.raises(NotFound, match="another one"):
        result.logs()


def test_cancelling_terminates_the_workflow(home: Home, given: dict[str, Any]) -> None:
    path = home.path / "began"
    waits = workflow("waits", shell("main", f"touch {path}; exec sleep 600"))

    async def main() -> None:
        task = asyncio.create_task(tiphys.run_async(waits, **given))
        await asyncio.to_thread(until, path.exists, "the job begins")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert home.get("waits")["status"]["phase"] == "Failed"
    assert not home.processes()


def test_a_loop_that_runs_is_no_obstacle(given: dict[str, Any]) -> None:
    async def main() -> tiphys.Result:
        return tiphys.run(HELLO, {"who": "you"}, **given)

    assert asyncio.run(main()).logs() == "hello you\n"


@pytest.mark.parametrize("in_loop", [False, True])
def test_an_interrupt_terminates_the_workflow(home: Home, in_loop: bool) -> None:
    path = home.path / "began"
    home.file("waits.json", workflow("waits", shell("main", f"touch {path}; exec sleep 600")))
    call = "tiphys.run('waits.json', runtime='process')"
    program = f"""
        import asyncio, tiphys
        async def main():
            {call}
        try:
            {"asyncio.run(main())" if in_loop else call}
        except KeyboardInterrupt:
            print("interrupted")
    """
    words = [sys.executable, "-c", textwrap.dedent(program)]
    process = subprocess.Popen(
        words, env=home.environ, cwd=home.path, stdout=subprocess.PIPE, text=True
    )
    home.started.append(process)  # type: ignore[arg-type]
    until(path.exists, "the job begins")
    os.kill(process.pid, signal.SIGINT)
    assert process.communicate(timeout=45)[0] == "interrupted\n"
    assert home.get("waits")["status"]["phase"] == "Failed"
    assert not home.processes()
