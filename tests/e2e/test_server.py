"""One real server: a certificate of its own, tokens, killed and started again, Hera's client."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.workflows import shell, workflow

SUBMITS = 60
AT_ONCE = 6
KILLS = 2


@dataclass
class Server:
    """A server process and how it is reached."""

    home: Home
    process: subprocess.Popen[str]
    address: str
    token: str = ""

    @property
    def trust(self) -> ssl.SSLContext | None:
        if self.address.startswith("http:"):
            return None
        return ssl.create_default_context(cafile=str(self.home.home / "server" / "tls.crt"))

    def open(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request and return its open answer. Raises HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        given = {"Authorization": self.token, **headers}
        request = Request(self.address + path, data, given, method=method)
        return urlopen(request, timeout=60, context=self.trust)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the JSON of its answer."""
        with self.open(method, path, body) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def serving(home: Home, *words: str, port: int = 0) -> Iterator[Server]:
    """Start a server; it is told to end afterwards."""
    process = home.start("server", "--runtime", home.runtime, "--port", str(port), *words)
    assert process.stderr is not None
    said: list[str] = []
    address = ""
    for line in process.stderr:
        said.append(line)
        if match := re.search(r"Tiphys serves (\S+)", line):
            address = match[1]
            break
    assert address, "".join(said)
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    reader.start()
    server = Server(home, process, address)
    try:
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        reader.join(60)
        assert code in {0, -signal.SIGKILL}, "".join(said)
        assert "Traceback" not in "".join(said), "".join(said)


def test_a_server_has_a_certificate_tokens_and_logs_of_its_own(home: Home) -> None:
    with serving(home) as server:
        assert server.address.startswith("https://127.0.0.1:")
        with server.open("GET", "/healthz") as answer:
            assert answer.read() == b"ok"
        with pytest.raises(HTTPError, match="401"):
            server.ask("GET", "/api/v1/info")
        server.token = home.ok("auth", "token", "--role", "edit", "--name", "ann").strip()
        assert server.token.startswith("Bearer ")
        body = {"workflow": workflow("hello", shell("main", "echo hi"))}
        made = server.ask("POST", "/api/v1/workflows/default", body)
        assert made["metadata"]["labels"]["workflows.argoproj.io/creator"] == "ann"
        until(lambda: home.is_done("hello"), "the workflow ends")
        path = "/api/v1/workflows/default/hello/log?logOptions.container=main"
        with server.open("GET", path, Accept="text/event-stream") as answer:
            assert b'data: {"result":{"content":"hi","podName":"hello"}} \n\n\n' in answer.read()
        identity = home.ok("auth", "list").splitlines()[1].split()[0]
        assert server.token.split(".")[1] == identity
        assert home.ok("auth", "revoke", identity) == f"token {identity} revoked\n"
        with pytest.raises(HTTPError, match="401"):
            server.ask("GET", "/api/v1/info")
        secret = server.token.rpartition(".")[2]
    log = home.home / "audit.log"
    assert log.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert ("ann", "POST", 200) in {(item["who"], item["method"], item["status"]) for item in lines}
    assert secret not in log.read_text()


def test_what_would_be_open_to_others_is_refused(home: Home) -> None:
    for words in (("--auth-mode", "server"), ("--no-secure",)):
        result = home.run("server", "--host", "0.0.0.0", *words)
        assert result.code == 2
        assert "loopback" in result.err


class Load:
    """Submits from several threads and watches, through a server that comes and goes."""

    def __init__(self) -> None:
        self.accepted: set[str] = set()
        self.seen: dict[str, int] = {}
        self.server: Server | None = None
        self.up = threading.Event()
        self.over = threading.Event()
        self._left = iter(range(SUBMITS))
        self._lock = threading.Lock()

    def submit(self) -> None:
        """Submit until there is nothing left; what is not answered is tried again."""
        while True:
            with self._lock:
                number = next(self._left, None)
            if number is None:
                return
            while not self._accepts(f"w{number}"):
                self.up.wait(60)

    def _accepts(self, name: str) -> bool:
        body = {"workflow": workflow(name, shell("main", "true"))}
        try:
            assert self.server is not None
            self.server.ask("POST", "/api/v1/workflows/default", body)
        except HTTPError as exc:
            if exc.code != 409:  # accepted, and the answer was lost
                raise
        except (OSError, HTTPException, json.JSONDecodeError):
            return False
        with self._lock:
            self.accepted.add(name)
        return True

    def watch(self) -> None:
        """Follow the changes from the version that was reached, whatever happens."""
        version = "0"
        while not self.over.is_set():
            self.up.wait(60)
            path = f"/api/v1/workflow-events/default?listOptions.resourceVersion={version}"
            try:
                assert self.server is not None
                with self.server.open("GET", path) as answer:
                    for line in answer:
                        found = json.loads(line)["result"]["object"]["metadata"]
                        version = found["resourceVersion"]
                        self.seen[found["name"]] = int(version)
            except (OSError, HTTPException, json.JSONDecodeError):
                continue


def test_every_accepted_submit_is_there_after_a_kill(home: Home) -> None:
    every_accepted_submit_is_there_after_a_kill(home)


def every_accepted_submit_is_there_after_a_kill(home: Home) -> None:
    """The server is killed under load and started again; the watcher goes on where it was."""
    load = Load()
    port = 0
    watcher = threading.Thread(target=load.watch, daemon=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for turn in range(KILLS + 1):
            with serving(home, "--auth-mode", "server", "--no-secure", port=port) as server:
                port = int(server.address.rpartition(":")[2])
                load.server = server
                load.up.set()
                if turn == 0:
                    watcher.start()
                    futures = [pool.submit(load.submit) for _ in range(AT_ONCE)]
                if turn < KILLS:
                    wanted = SUBMITS * (turn + 1) // (KILLS + 2)
                    until(lambda: len(load.accepted) >= wanted, "submits are accepted")  # noqa: B023
                    load.up.clear()
                    server.process.kill()
                    server.process.wait(60)
                    continue
                for future in futures:
                    future.result(60)
                listed = server.ask("GET", "/api/v1/workflows/default")
                names = {item["metadata"]["name"] for item in listed["items"]}
                assert load.accepted == names == {f"w{number}" for number in range(SUBMITS)}
                until(lambda: names <= set(load.seen), "the watcher has seen all")  # noqa: B023
                until(lambda: all(map(home.is_done, names)), "all runs end")  # noqa: B023
                load.over.set()
    watcher.join(60)
    assert not watcher.is_alive()
    assert {name for name in names if home.rows(_SUCCEEDED, name)} == names


_SUCCEEDED = (
    "SELECT 1 FROM runs JOIN run_index i ON i.run = uid JOIN run_labels l ON l.born = i.born"
    " WHERE runs.name = ? AND l.name = 'workflows.argoproj.io/phase' AND value = 'Succeeded'"
)


@pytest.fixture
def hera(home: Home) -> Iterator[tuple[Any, Any]]:
    """Hera's package, and its client of a server."""
    package = pytest.importorskip("hera.workflows", reason="Hera is not installed")
    with serving(home, "--auth-mode", "server", "--no-secure") as server:
        yield package, package.WorkflowsService(host=server.address, namespace="default")


IGNORED = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Hera's own, of pydantic


@IGNORED
def test_hera_lints_creates_lists_and_waits(hera: tuple[Any, Any]) -> None:
    package, service = hera
    common = {"workflows_service": service, "namespace": "default"}
    with package.Workflow(name="hera-dag", entrypoint="main", **common) as made:
        package.Container(
            name="say",
            image="busybox",
            command=["echo", "{{inputs.parameters.text}}"],
            inputs=[package.Parameter(name="text")],
        )
        with package.DAG(name="main"):
            first = package.Task(name="a", template="say", arguments={"text": "1"})
            second = package.Task(name="b", template="say", arguments={"text": "2"})
            first >> second
    made.lint()
    assert made.create().metadata.name == "hera-dag"
    ended = made.wait(poll_interval=1)
    assert ended.status.phase == "Succeeded"
    assert {"a", "b"} <= {node.display_name for node in ended.status.nodes.values()}
    selector = "workflows.argoproj.io/completed=true"
    listed = service.list_workflows(namespace="default", label_selector=selector)
    assert [item.metadata.name for item in listed.items] == ["hera-dag"]
    assert service.get_version().version.startswith("v4.1.")
    assert service.get_info() is not None
    with pytest.raises(Exception, match="not found"):
        service.get_workflow("none", namespace="default")


@IGNORED
def test_hera_retries_and_stops(hera: tuple[Any, Any]) -> None:
    from hera.workflows import models

    package, service = hera
    common = {"workflows_service": service, "namespace": "default"}
    with package.Workflow(name="hera-fail", entrypoint="no", **common) as failing:
        package.Container(name="no", image="busybox", command=["false"])
    failing.create()
    assert failing.wait(poll_interval=1).status.phase == "Failed"
    request = models.WorkflowRetryRequest()
    again = service.retry_workflow("hera-fail", request, namespace="default")
    assert again.metadata.name == "hera-fail"
    with package.Workflow(name="hera-wait", entrypoint="wait", **common) as waiting:
        package.Suspend(name="wait")
    waiting.create()
    request = models.WorkflowStopRequest()
    stopped = service.stop_workflow("hera-wait", request, namespace="default")
    assert stopped.spec.shutdown == "Stop"


@IGNORED
def test_hera_keeps_templates_and_schedules(hera: tuple[Any, Any]) -> None:
    from hera.workflows import models

    package, service = hera
    common = {"workflows_service": service, "namespace": "default", "entrypoint": "say"}
    with package.WorkflowTemplate(name="hera-template", **common) as template:
        package.Container(name="say", image="busybox", command=["echo", "hi"])
    template.create()
    template.update()
    found = service.get_workflow_template("hera-template", namespace="default")
    assert found.metadata.name == "hera-template"
    with package.CronWorkflow(name="hera-cron", schedules=["0 2 * * *"], **common) as cron:
        package.Container(name="say", image="busybox", command=["echo", "hi"])
    cron.create()
    cron.update()
    request = models.CronWorkflowSuspendRequest()
    assert service.suspend_cron_workflow("hera-cron", request, namespace="default").spec.suspend
    service.delete_cron_workflow("hera-cron", namespace="default")
    service.delete_workflow_template("hera-template", namespace="default")
