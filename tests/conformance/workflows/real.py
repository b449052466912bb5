"""Rows run for real, through the command line, each in a home of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.conformance.workflows.corpus import Prepared, Row, prepare
from tests.conformance.workflows.loopback import served
from tests.conformance.workflows.outcome import Outcome, judge, judge_refusal

SETTINGS = Path(__file__).resolve().parents[1] / "settings.yaml"
SOURCE = Path(__file__).resolve().parents[3] / "src"
TIME_LIMIT = 400.0
UNUSABLE = 2
POLL_SECONDS = 0.2
_RUNNING = re.compile(r"(\S+) is Running")


class Refused(Exception):
    """The command said that the input is unusable."""


class Broken(Exception):
    """The command did not do what was asked; the text says what it did."""


class Session:
    """The command line with one home, one runtime and one deadline."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self._home = folder / "home"
        self._runtime = ["--runtime", runtime, "--settings", str(SETTINGS)]
        self._deadline = time.monotonic() + TIME_LIMIT

    def run(self, *words: str) -> str:
        """Run and wait for a workflow; return what was printed."""
        return self.call("run", *words, *self._runtime, good=(0, 1))

    def submit(self, *words: str) -> str:
        """Submit a workflow and return its name."""
        return self.call("submit", *words, *self._runtime, "-o", "name").strip()

    def get(self, name: str) -> dict[str, Any]:
        """Return the workflow's document."""
        return parse(self.call("get", name, "-o", "json"))

    def call(self, *words: str, good: tuple[int, ...] = (0,)) -> str:
        """Run one command and return its standard output."""
        limit = self._deadline - time.monotonic()
        if limit <= 0:
            raise Broken("not finished within the time limit")
        code, out, err = execute([*words, "--home", str(self._home)], limit)
        if code == UNUSABLE:
            raise Refused(err or out)
        if code not in good or (code and not out):
            raise Broken(f"tiphys {words[0]} ended with {code}: {err.strip()[-300:]}")
        return out

    def pause(self) -> None:
        """Wait a little before asking again."""
        if time.monotonic() > self._deadline:
            raise Broken("not finished within the time limit")
        time.sleep(POLL_SECONDS)


def run_row(row: Row, runtime: str = "sandbox") -> Outcome:
    """Run a row and judge what came of it."""
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    try:
        prepared = prepare(row, int(time.time()))
        if "loopback-http" not in row.data.get("needs", []):
            return judge(row, _drive(row, prepared, folder, runtime))
        with served(prepared.workflow) as text:
            placed = replace(prepared, workflow=text)
            return judge(row, _drive(row, placed, folder, runtime))
    except Refused as error:
        return judge_refusal(row, str(error))
    except Broken as error:
        return Outcome(row, "failed", str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(words: list[str], limit: float) -> tuple[int, str, str]:
    """Run the command; after `limit` seconds it is interrupted, then killed with its group."""
    paths = [str(SOURCE), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tiphys.cli.main", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        _end(process)
        raise Broken("not finished within the time limit") from None
    return process.returncode, out, err


def parse(text: str) -> dict[str, Any]:
    """Return the workflow that a command printed."""
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        raise Broken(f"no JSON on standard output: {text.strip()[-200:]!r}") from None
    return found


def _end(process: subprocess.Popen[str]) -> None:
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, sign)
        try:
            process.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            continue
        return


def _drive(row: Row, prepared: Prepared, folder: Path, runtime: str) -> dict[str, Any]:
    files = _write(row, prepared, folder)
    session = Session(folder, runtime)
    operations = row.data.get("operations", [])
    flags = [flag for item in operations for flag in _flags(item)]
    if not any(item["op"] != "submit" for item in operations) and "resume" not in row.data:
        return parse(session.run(*files, *flags, "-o", "json"))
    name = session.submit(*files, *flags)
    for item in operations:
        if item["op"] in ("stop", "terminate", "suspend"):
            _until_running(session, name, item.get("when", ""))
            session.call(item["op"], name)
    if "resume" in row.data:
        _resume(session, name)
    session.call("wait", name, good=(0, 1))
    return session.get(name)


def _write(row: Row, prepared: Prepared, folder: Path) -> list[str]:
    main = folder / Path(row.data["file"]).name
    main.write_text(prepared.workflow, encoding="utf-8")
    if not prepared.helpers:
        return [str(main)]
    helpers = folder / "helpers.yaml"
    helpers.write_text("\n---\n".join(prepared.helpers), encoding="utf-8")
    return [str(main), str(helpers)]


def _flags(operation: dict[str, Any]) -> list[str]:
    values = operation.get("parameters") or {}
    return [word for key, value in values.items() for word in ("-p", f"{key}={value}")]


def _nodes(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return list(((workflow.get("status") or {}).get("nodes") or {}).values())


def _until_running(session: Session, name: str, when: str) -> None:
    """Wait until the node that `when` names runs, or any pod."""
    found = _RUNNING.match(when)
    wanted = found.group(1).replace("$WF", name) if found and "$WF" in when else None
    while True:
        workflow = session.get(name)
        for node in _nodes(workflow):
            fits = node["name"] == wanted if wanted else node["type"] == "Pod"
            if fits and node.get("phase") == "Running":
                return
        if (workflow.get("status") or {}).get("finishedAt"):
            raise Broken(f"ended before {when or 'a node was Running'}")
        session.pause()


def _resume(session: Session, name: str) -> None:
    """Answer every node that waits for a person, until the workflow is over."""
    while True:
        workflow = session.get(name)
        if (workflow.get("status") or {}).get("finishedAt"):
            return
        waiting = [n for n in _nodes(workflow) if _waits_for_person(workflow, n)]
        for node in waiting:
            for output in _unanswered(node):
                selector = f"displayName={node['displayName']}"
                value = f"{output}=any text"
                session.call("node", "set", name, "--node-field-selector", selector, "-p", value)
        if waiting:
            session.call("resume", name)
        session.pause()


def _unanswered(node: dict[str, Any]) -> list[str]:
    """Return the outputs that someone has to supply: they have neither value nor default."""
    parameters = (node.get("outputs") or {}).get("parameters") or []
    return [
        item["name"]
        for item in parameters
        if "value" not in item and "default" not in (item.get("valueFrom") or {})
    ]


def _waits_for_person(workflow: dict[str, Any], node: dict[str, Any]) -> bool:
    if node["type"] != "Suspend" or node.get("phase") != "Running":
        return False
    for template in workflow["spec"].get("templates") or []:
        if template["name"] == node.get("templateName"):
            return not (template.get("suspend") or {}).get("duration")
    return True
