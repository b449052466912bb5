"""One real server: a certificate of its own, tokens; killed and started again."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from urllib.error import HTTPError

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.serving import Server, serving
from tests.e2e.workflows import shell, workflow

SUBMITS = 60
AT_ONCE = 6
KILLS = 2


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
        (listed,) = json.loads(home.ok("auth", "list", "-o", "json"))
        assert (listed["name"], listed["role"], listed["namespaces"]) == ("ann", "edit", ["*"])
        assert home.ok("auth", "list").splitlines()[1].split()[:3] == [listed["id"], "ann", "edit"]
        identity = home.ok("auth", "list", "-o", "name").strip()
        assert server.token.split(".")[1] == identity
        assert home.ok("auth", "revoke", identity) == f"token {identity} revoked\n"
        with pytest.raises(HTTPError, match="401"):
            server.ask("GET", "/api/v1/info")
        secret = server.token.rpartition(".")[2]
    log = home.home / "audit.log"
    assert log.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    did = {(item["who"], item["method"], item["status"]) for item in lines if "method" in item}
    assert ("ann", "POST", 200) in did
    here = [(item["action"], item["thing"]) for item in lines if item["way"] == "here"]
    assert here == [("create token", f"{identity} for ann: edit"), ("revoke token", identity)]
    assert secret not in log.read_text()


def test_headers_of_pages_are_as_the_flags_say(home: Home) -> None:
    with serving(home) as server, server.open("GET", "/") as answer:
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    words = ("--hsts=false", "--x-frame-options", "sameorigin", "--kube-api-qps", "9.5")
    with serving(home, *words, "--event-worker-count=4") as server, server.open("GET", "/") as got:
        assert got.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "Strict-Transport-Security" not in got.headers


def test_what_tunes_what_there_is_not_is_said_and_no_more(home: Home) -> None:
    result = home.run("server", "--kube-api-burst", "3", "--tls-key", "k")
    assert result.err.splitlines() == [
        "--kube-api-burst has no effect: there is no cluster here",
        "Error: --tls-certificate and --tls-key are given together",
    ]


def test_links_of_the_settings_begin_as_allowed(home: Home) -> None:
    link = {"name": "chat", "scope": "workflow", "url": "slack://channel"}
    settings = home.file("links.yaml", {"server": {"links": [link]}, "idle_seconds": 0.3})
    result = home.run("server", "--settings", settings, "--port", "0")
    assert result.code == 2
    assert "server.links[0]: its url begins with one of http, https" in result.err
    words = ("--settings", settings, "--allowed-link-protocol", "slack", "--auth-mode", "server")
    with serving(home, *words, "--no-secure") as server:
        assert server.ask("GET", "/api/v1/info")["links"] == [link]


def test_a_token_is_made_for_a_role_that_was_named(home: Home) -> None:
    result = home.run("auth", "token")
    assert (result.code, result.out) == (2, "")
    assert "--role view, --role edit or --role admin" in result.err


def test_what_would_be_open_to_others_is_refused(home: Home) -> None:
    for words in (("--auth-mode", "server"), ("--no-secure",)):
        result = home.run("server", "--host", "0.0.0.0", *words)
        assert result.code == 2
        assert "loopback" in result.err


def test_what_the_engine_does_is_counted_under_argos_names(home: Home) -> None:
    with serving(home, "--auth-mode", "server", "--no-secure") as server:
        body = {"workflow": workflow("counted", shell("main", "true"))}
        server.ask("POST", "/api/v1/workflows/default", body)

        def shown() -> set[str]:
            with server.open("GET", "/metrics") as answer:
                return {*answer.read().decode().splitlines()}

        ended = 'argo_workflows_total_count{phase="Succeeded",namespace="default"} 1'
        until(lambda: ended in shown(), "the end is counted")
        pods = 'argo_workflows_pods_total_count{phase="Succeeded",namespace="default"} 1'
        assert pods in shown()
        assert any(
            line.startswith("argo_workflows_operation_duration_seconds_count") for line in shown()
        )


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
