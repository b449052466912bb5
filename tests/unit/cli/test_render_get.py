"""Golden pages of `get`: reference/cli.md 5.5."""

from dataclasses import replace

from tests.unit.cli.samples import NOW, WORKFLOW, ZONE, deploy, etl

from tiphys.cli.render import Style, render_get, render_header, render_tree
from tiphys.service.operations import node_filter

STYLE = Style(zone=ZONE)

HEADER = """\
Name:                etl-7xk2p
Namespace:           team
ServiceAccount:      loader
Status:              Failed
Message:             child 'etl-7xk2p-1' failed
Conditions:          ·
 PodRunning          False
 Completed           True
Created:             Sat Jan 31 10:05:00 +0100 (5 minutes ago)
Started:             Sat Jan 31 10:05:00 +0100 (5 minutes ago)
Finished:            Sat Jan 31 10:05:22 +0100 (4 minutes ago)
Duration:            22 seconds
Progress:            3/5
ResourcesDuration:   14s*(1 cpu),14s*(100Mi memory)
Parameters:          ·
  day:               2026-01-31
"""

TREE = """\
STEP                   TEMPLATE  PODNAME                      DURATION  MESSAGE
 ✖ etl-7xk2p           main                                             child 'etl-7xk2p-1' failed    ·
 ├───✔ fetch           fetch     etl-7xk2p-fetch-499461917    4s                                      ·
 └─┬─○ check           check                                            when 'false' evaluated false  ·
   ├─✔ load(0:a)       load      etl-7xk2p-load-1051524220    12s                                     ·
   └─✖ load(1:b)       load                                             No more retries left          ·
     ├─✖ load(1:b)(0)  load      etl-7xk2p-load-423187845     3s        Error (exit code 1)           ·
     └─✖ load(1:b)(1)  load      etl-7xk2p-load-2369538744    3s        Error (exit code 1)           ·
                                                                                                      ·
 ✔ etl-7xk2p.onExit    notify    etl-7xk2p-notify-1157480618  2s                                      ·
"""  # noqa: E501

ASCII_TREE = """\
STEP                         TEMPLATE  PODNAME                      DURATION  MESSAGE
 Failed etl-7xk2p            main                                             child 'etl-7xk2p-1' failed    ·
 |---Succeeded fetch         fetch     etl-7xk2p-fetch-499461917    4s                                      ·
 `-+-Skipped check           check                                            when 'false' evaluated false  ·
   |-Succeeded load(0:a)     load      etl-7xk2p-load-1051524220    12s                                     ·
   `-Failed load(1:b)        load                                             No more retries left          ·
     |-Failed load(1:b)(0)   load      etl-7xk2p-load-423187845     3s        Error (exit code 1)           ·
     `-Failed load(1:b)(1)   load      etl-7xk2p-load-2369538744    3s        Error (exit code 1)           ·
                                                                                                            ·
 Succeeded etl-7xk2p.onExit  notify    etl-7xk2p-notify-1157480618  2s                                      ·
"""  # noqa: E501

WIDE_TREE = """\
STEP                   TEMPLATE  PODNAME                      DURATION  ARTIFACTS      MESSAGE                       RESOURCESDURATION             NODENAME
 ✖ etl-7xk2p           main                                                            child 'etl-7xk2p-1' failed                                  ·
 ├───✔ fetch           fetch     etl-7xk2p-fetch-499461917    4s        raw,main-logs                                2s*(1 cpu),2s*(100Mi memory)  node-1
 └─┬─○ check           check                                                           when 'false' evaluated false                                ·
"""  # noqa: E501

DEPLOY_TREE = """\
STEP               TEMPLATE      PODNAME                        DURATION  MESSAGE
 ● deploy-q8v2k    main                                                     ·
 ├─✔ build         common/build  deploy-q8v2k-build-3820438171  31s         ·
 ├─✔ test(0:unit)  test          deploy-q8v2k-test-3098528554   12s         ·
 ├─✔ test(1:e2e)   test          deploy-q8v2k-test-2404379133   50s         ·
 ├─ǁ approve       approve                                                  ·
"""


def golden(text: str) -> str:
    """A dot at a line's end stands for the blanks before it."""
    return text.replace("·\n", "\n")


def test_a_page_is_header_blank_line_and_tree() -> None:
    assert render_get(etl(), NOW, STYLE) == golden(f"{HEADER}\n{TREE}")


def test_short_is_the_tree_alone_with_host_names() -> None:
    lines = render_get(etl(), NOW, replace(STYLE, form="short")).splitlines()
    assert lines[0].endswith("MESSAGE                       NODENAME")
    assert lines[2].endswith("node-1")


def test_ascii_uses_words_for_icons() -> None:
    assert render_tree(etl(), NOW, replace(STYLE, utf8=False)) == golden(ASCII_TREE)


def test_wide_adds_artifacts_resources_and_hosts() -> None:
    drawn = render_tree(etl(), NOW, replace(STYLE, form="wide")).splitlines(keepends=True)
    assert "".join(drawn[:4]) == golden(WIDE_TREE)


def test_dag_children_hang_on_their_boundary_and_omitted_ones_are_hidden() -> None:
    assert render_tree(deploy(), NOW, STYLE) == golden(DEPLOY_TREE)


def test_a_retry_with_one_attempt_is_replaced_by_it() -> None:
    workflow = etl()
    retry = next(n for n in workflow["status"]["nodes"].values() if n["type"] == "Retry")
    workflow["status"]["nodes"].pop(retry["children"].pop())
    drawn = render_tree(workflow, NOW, STYLE)
    assert "   └─✖ load(1:b)(0)  load" in drawn
    assert "No more retries" not in drawn


def test_a_filter_hides_parents_too() -> None:
    style = replace(STYLE, keep=node_filter("phase=Failed,displayName!=etl-7xk2p"))
    drawn = render_tree(etl(), NOW, style).splitlines()
    assert [line.split()[1] for line in drawn if "✖" in line] == [
        "load(1:b)",
        "load(1:b)(0)",
        "load(1:b)(1)",
    ]


def test_without_a_root_node_there_is_only_the_header() -> None:
    workflow = etl()
    del workflow["status"]["nodes"][WORKFLOW]
    assert render_get(workflow, NOW, STYLE) == golden(HEADER)


def test_colours_keep_the_columns() -> None:
    plain = render_tree(etl(), NOW, STYLE).splitlines()
    coloured = render_tree(etl(), NOW, replace(STYLE, colour=True)).splitlines()
    assert coloured[0].startswith("\x1b[39mSTEP\x1b[0m ")
    assert "\x1b[31m✖\x1b[0m etl-7xk2p" in coloured[1]
    assert {len(c) - len(p) for c, p in zip(coloured, plain, strict=True)} == {9}


def test_a_very_deep_tree_is_drawn() -> None:
    workflow = etl()
    nodes = {}
    for depth in range(3000):
        name = WORKFLOW if depth == 0 else f"n{depth}"
        nodes[name] = {"id": name, "name": name, "displayName": name, "type": "DAG"}
        if depth:
            nodes[name]["boundaryID"] = WORKFLOW if depth == 1 else f"n{depth - 1}"
    workflow["status"]["nodes"] = nodes
    assert len(render_tree(workflow, NOW, STYLE).splitlines()) == 3001


def test_a_new_workflow_is_pending_and_a_dry_run_unknown() -> None:
    created = {"metadata": {"name": "a", "creationTimestamp": "2026-01-31T09:05:00Z"}, "spec": {}}
    assert "Status:              Pending\n" in render_header(created, NOW, STYLE)
    dry = {"metadata": {"generateName": "a-"}, "spec": {"workflowTemplateRef": {"name": "t"}}}
    text = render_header(dry, NOW, STYLE)
    assert "Status:              Unknown\n" in text
    assert "ServiceAccount:      unset\n" in text


def test_suspended_and_terminated_are_said_in_the_status() -> None:
    assert "Running (Suspended)" in render_header(deploy(), NOW, STYLE)
    ended = etl()
    ended["spec"]["shutdown"] = "Stop"
    assert "Failed (Terminated)" in render_header(ended, NOW, STYLE)
