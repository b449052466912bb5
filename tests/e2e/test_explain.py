"""`tiphys explain` as a user meets it, and the examples of its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.driver import Home, until
from tests.e2e.workflows import hello, shell, workflow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explain.md"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def timeless(text: str) -> str:
    """Return a page without its times, and without the host that jobs ran on."""
    return re.sub(r"its job runs on \S+", "its job runs on HOST", _TIME.sub("TIME", text))


def test_a_finished_workflow_is_explained(home: Home) -> None:
    home.ok("run", home.file("hello.json", hello()))
    assert timeless(home.ok("explain", "@latest")).splitlines() == [
        "workflow hello: Succeeded",
        "story:",
        "  TIME  admitted",
        "  TIME  begun",
        "  TIME  Succeeded",
    ]


def test_a_running_workflow_says_what_it_waits_for_and_get_says_it_too(home: Home) -> None:
    main = {"name": "main", "parallelism": 1}
    main["steps"] = [[{"name": "a", "template": "hold"}, {"name": "b", "template": "hold"}]]
    document = workflow("w", main, shell("hold", "while [ ! -e stop ]; do sleep 0.05; done"))
    home.submit(home.file("w.json", document))
    until(lambda: home.nodes("w").get("a", {}).get("phase") == "Running", "the first step runs")
    page = timeless(home.ok("explain", "w"))
    assert (
        "[0] has more to start and waits for room under the parallelism of w (1 place: a)" in page
    )
    assert "w[0].a  its job runs" in page
    found = json.loads(home.ok("explain", "w", "b", "-o", "json"))
    assert found["node"]["reason"] == (
        "it has not begun: [0] is waiting for room under the parallelism of w"
    )
    tree = home.ok("get", "w", "--no-color")
    assert re.search(r"● w +main .*waiting for room under the parallelism of w", tree)
    home.ok("terminate", "w")


def test_a_node_that_does_not_exist_is_an_error_with_a_hint(home: Home) -> None:
    home.ok("run", home.file("hello.json", hello()))
    result = home.run("explain", "hello", "helo")
    assert result.code == 2
    assert result.err == "Error: workflow hello has no node helo; did you mean hello?\n"
    assert home.run("explain", "nobody").code == 2


def is_asking(home: Home) -> bool:
    return bool(home.nodes("release").get("approve", {}).get("phase") == "Running")


def test_the_examples_of_the_documentation_are_true(home: Home) -> None:
    blocks = PAGE.read_text("utf-8").split("```")
    home.file("release.yaml", blocks[1].removeprefix("yaml\n"))
    seen = []
    for block in blocks[3::2]:
        for part in block.split("$ tiphys ")[1:]:
            line, _, told = part.partition("\n")
            found = home.ok(*line.split())
            if line.startswith("explain"):
                seen.append((line, timeless(found), timeless(told)))
            elif line.startswith("submit"):
                until(lambda: is_asking(home), "it waits for a person")
            else:
                home.run("wait", "release")
    assert len(seen) == 5
    assert [(line, found) for line, found, _ in seen] == [(line, told) for line, _, told in seen]
