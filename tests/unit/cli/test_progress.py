"""The views of a running workflow: lines for pipes, a tree for terminals."""

import io

from tests.unit.cli.samples import NOW, ZONE, deploy, etl

from tiphys.cli.render import Style
from tiphys.cli.render.colour import log_colour, wanted
from tiphys.cli.render.live import LiveTree, fitting, picture
from tiphys.cli.render.output import to_json, to_names, to_yaml
from tiphys.cli.render.plain import PlainLog

STYLE = Style(zone=ZONE)


def test_a_line_is_written_for_each_change_once() -> None:
    log = PlainLog(ZONE)
    lines = list(log.workflow(etl(), NOW))
    assert lines[0] == "10:10:10  etl-7xk2p  Failed     child 'etl-7xk2p-1' failed"
    assert lines[-1].startswith("10:10:10  workflow etl-7xk2p  Failed")
    assert not any("[0]  " in line for line in lines)
    assert list(log.workflow(etl(), NOW + 1)) == []


def test_a_waiting_node_says_so() -> None:
    waiting = next(n for n in deploy()["status"]["nodes"].values() if n["type"] == "Suspend")
    assert PlainLog(ZONE).node(waiting, NOW) == "10:10:10  deploy-q8v2k.approve  Waiting"


def test_the_picture_ends_with_the_state_of_the_workflow() -> None:
    text = picture(deploy(), NOW, STYLE, height=40)
    assert text.splitlines()[-1] == "deploy-q8v2k  Running (Suspended)  5 minutes 10 seconds"


def test_a_high_tree_loses_its_quiet_rows_first() -> None:
    rows = ["STEP", " ● root", *(f" ├─✔ {i}" for i in range(50)), " └─● busy"]
    shown = fitting(rows, 10)
    assert len(shown) == 9
    assert shown[-1] == " └─● busy"
    assert fitting(rows[:5], 10) == rows[:5]


def test_a_huge_tree_is_counted_only() -> None:
    workflow = deploy()
    workflow["status"]["nodes"] |= {f"n{i}": {"id": f"n{i}", "type": "Pod"} for i in range(3000)}
    assert picture(workflow, NOW, STYLE, 40).startswith("3007 nodes, too many to draw\n")


def test_the_live_tree_leaves_its_last_picture() -> None:
    out = io.StringIO()
    with LiveTree(lambda: NOW, STYLE, out) as view:
        view.update(deploy())
        view.update_node({**next(iter(deploy()["status"]["nodes"].values())), "phase": "Failed"})
    assert "✖ deploy-q8v2k" in out.getvalue()


def test_colours_are_for_terminals() -> None:
    terminal = io.StringIO()
    assert not wanted(terminal, {})
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    assert wanted(terminal, {})
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert not wanted(terminal, environment)
    assert not wanted(terminal, {}, no_color=True)


def test_a_pod_keeps_its_log_colour() -> None:
    assert log_colour("etl") == [32, 33, 34, 35, 36, 37][sum(map(ord, "etl")) % 6]


def test_documents_are_printed_as_argo_does() -> None:
    document = {"metadata": {"name": "é", "a": "y"}, "text": "a\nb\n", "n": None}
    assert to_json(document).startswith('{\n    "metadata": {\n        "name": "é"')
    assert to_json([document]).startswith("[\n  {")
    assert to_yaml(document) == ('metadata:\n  a: "y"\n  name: é\n"n": null\ntext: |\n  a\n  b\n')
    assert to_yaml([1]).endswith("- 1\n\n")
    assert to_names([document]) == "é\n"
