"""A server whose store is in Postgres: killed, without its database, and two of them at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from tests.e2e.driver import Home, until
from tests.e2e.test_objects_verb import (
    BOTH,
    both,
    said_of,
    until_nothing_is_left,
    until_they_run,
)
from tests.e2e.test_remote_moving import SENT, slow
from tests.e2e.test_server import (
    Server,
    every_accepted_submit_is_there_after_a_kill,
    serving,
)
from tests.e2e.workflows import shell, workflow
from tests.postgres import Cluster, cluster, run

OPEN = ("--auth-mode", "server", "--no-secure")
RUNS = 12
EXPIRE = "UPDATE engines SET until = clock_timestamp() WHERE name IN (SELECT owner FROM runs)"
"""Lets the lease of whoever has a run end, as it would some seconds later."""


@pytest.fixture
def place(home: Home, postgres: Cluster) -> Home:
    """A home whose store is in Postgres."""
    home.database = postgres.new()
    return home


@pytest.fixture
def second(place: Home, tmp_path: Path, cache: Path) -> Iterator[Home]:
    """Another home on the same database."""
    other = Home(tmp_path / "second", "process", cache, place.database)
    yield other
    other.close()


def submit(server: Server, name: str, source: str) -> None:
    body = {"workflow": workflow(name, shell("main", source))}
    server.ask("POST", "/api/v1/workflows/default", body)


def phase(server: Server, name: str) -> str:
    found = server.ask("GET", f"/api/v1/workflows/default/{name}")
    return str(found.get("status", {}).get("phase", ""))


def test_a_killed_server_takes_its_run_up_again(place: Home, tmp_path: Path) -> None:
    marks, gate = tmp_path / "marks", tmp_path / "gate"
    source = f"echo began >> {marks}; until [ -e {gate} ]; do sleep 0.05; done; echo end"
    with serving(place, *OPEN) as server:
        submit(server, "w", source)
        until(marks.exists, "the job begins")
        server.process.kill()
        server.process.wait(60)
    with serving(place, *OPEN) as server:
        assert phase(server, "w") == "Running"
        gate.touch()
        until(lambda: place.is_done("w"), "the run ends")
        assert phase(server, "w") == "Succeeded"
        with server.open("GET", "/api/v1/workflows/default/w/log?logOptions.container=main") as log:
            assert b"end" in log.read()
    assert marks.read_text() == "began\n"  # the job was adopted, not begun again
    assert not (place.home / "tiphys.db").exists()
    assert "Succeeded" in place.ok("get", "w")


def test_every_accepted_submit_is_there_after_a_kill(place: Home) -> None:
    every_accepted_submit_is_there_after_a_kill(place)


def test_two_servers_run_each_workflow_once(place: Home, second: Home, tmp_path: Path) -> None:
    names = [f"w{number}" for number in range(RUNS)]
    with serving(place, *OPEN) as one, serving(second, *OPEN) as other:
        for number, name in enumerate(names):
            submit((one, other)[number % 2], name, f"echo ran >> {tmp_path}/{name}.ran")
        until(lambda: all(map(place.is_done, names)), "all runs end")
        for server in (one, other):
            listed = server.ask("GET", "/api/v1/workflows/default")["items"]
            assert {item["metadata"]["name"] for item in listed} == {*names}
            assert {item["status"]["phase"] for item in listed} == {"Succeeded"}
    assert {(tmp_path / f"{name}.ran").read_text() for name in names} == {"ran\n"}


def test_each_server_tells_of_a_transfer_wherever_it_is(place: Home, second: Home) -> None:
    with (
        slow() as (address, go_on),
        serving(place, *OPEN) as one,
        serving(second, *OPEN) as other,
    ):
        main = shell("main", "echo loaded")
        main["inputs"] = {
            "artifacts": [{"name": "big", "path": "/tmp/big", "http": {"url": address}}]
        }
        one.ask("POST", "/api/v1/workflows/default", {"workflow": workflow("w", main)})
        path = "/api/tiphys/v1/workflows/default/w/transfers"
        for server in (one, other):
            (item,) = until(lambda: server.ask("GET", path)["items"], "the transfer is told of")  # noqa: B023
            assert (item["node"], item["artifact"], item["totalBytes"]) == ("w", "big", 2 * SENT)
            (named,) = server.ask("GET", f"{path}?nodes=w,none")["items"]
            assert (named["id"], named["movedBytes"]) == ("w", SENT)
        go_on.set()
        until(lambda: place.is_done("w"), "the run ends")
        assert [server.ask("GET", path)["items"] for server in (one, other)] == [[], []]


def test_what_a_dead_server_left_is_driven_by_another(
    place: Home, second: Home, tmp_path: Path
) -> None:
    marks, gate = tmp_path / "marks", tmp_path / "gate"
    source = f"echo began >> {marks}; until [ -e {gate} ]; do sleep 0.05; done"
    with serving(place, *OPEN) as one:
        submit(one, "w", source)
        until(marks.exists, "the job begins")
        with serving(second, *OPEN) as other:
            one.process.kill()
            one.process.wait(60)
            assert phase(other, "w") == "Running"
            run(place.database, EXPIRE)
            until(lambda: len(marks.read_text().splitlines()) == 2, "the job is begun there")
            gate.touch()
            until(lambda: place.is_done("w"), "the run ends")
            assert phase(other, "w") == "Succeeded"


def test_a_server_outlives_its_database(home: Home, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with cluster() as database:
        home.database = database.new()
        with serving(home, *OPEN) as server:
            submit(server, "w", f"until [ -e {gate} ]; do sleep 0.05; done")
            until(lambda: phase(server, "w") == "Running", "the run begins")
            database.stop("immediate")
            gate.touch()
            with pytest.raises(HTTPError) as caught:
                server.ask("GET", "/api/v1/workflows/default/w")
            assert caught.value.code == 503
            assert "cannot be read" in json.loads(caught.value.read())["message"]
            database.start()
            until(lambda: home.is_done("w"), "the run ends")
            assert phase(server, "w") == "Succeeded"
            submit(server, "x", "true")
            until(lambda: home.is_done("x"), "another run ends")


def test_the_command_line_works_on_the_database(place: Home) -> None:
    file = place.file("w.json", workflow("w", shell("main", "echo hi")))
    place.ok("run", file)
    assert place.get("w")["status"]["phase"] == "Succeeded"
    name = place.submit(place.file("v.json", workflow("v", shell("main", "echo hi"))))
    place.ok("wait", name)
    assert place.ok("list", "--no-headers").count("Succeeded") == 2
    place.ok("delete", "w")
    assert place.rows("SELECT name FROM runs") == [("v",)]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://me:hush@/nowhere?host={place}", "cannot be opened"),
        ("mysql://me:hush@db/x", "a database is"),
    ],
)
def test_a_database_that_is_not_there_is_a_line(home: Home, address: str, said: str) -> None:
    for words in (["list"], ["server", *OPEN]):
        result = home.run(*words, "--database", address.format(place=home.path))
        assert result.code == 2
        assert said in result.err
        assert result.err.startswith("Error: ")
        assert "hush" not in result.err + result.out


def test_jobs_that_outlive_their_workflow_are_found_and_ended(place: Home) -> None:
    result = place.run("run", place.file("w.yaml", both()))
    assert (result.code, said_of(result.err)) == (0, BOTH)
    until_they_run(place)
    listed = place.run("objects", "ls", "-o", "name")
    assert (listed.out, listed.err) == ("job.batch/free\njob.batch/owned\n", "")
    assert "Nobody keeps" not in place.run("objects", "ls").err
    assert said_of(place.run("delete", "w").err) == BOTH[:1]
    place.ok("objects", "delete", "job/free")
    until_nothing_is_left(place)
