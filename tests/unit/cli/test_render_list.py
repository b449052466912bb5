"""Golden tables of `list`: reference/cli.md 6."""

from tests.unit.cli.samples import NOW, etl, nightly

from tiphys.cli.render import ListStyle, render_list
from tiphys.cli.render.table import render_table

DEFAULT = """\
NAME            STATUS    AGE   DURATION   PRIORITY   MESSAGE
nightly-28c4q   Running   40s   38s        0          ·
etl-7xk2p       Failed    5m    22s        5          child 'etl-7xk2p-1' failed
"""

WIDE = """\
NAME            STATUS    AGE   DURATION   PRIORITY   MESSAGE                      P/R/C   PARAMETERS
nightly-28c4q   Running   40s   38s        0                                       0/2/3   day=2026-01-31,mode=full
etl-7xk2p       Failed    5m    22s        5          child 'etl-7xk2p-1' failed   0/0/5   day=2026-01-31
"""  # noqa: E501


def golden(text: str) -> str:
    return text.replace("·\n", "\n")


def test_unfinished_workflows_come_first() -> None:
    assert render_list([etl(), nightly()], NOW, ListStyle()) == golden(DEFAULT)


def test_wide_counts_pods_and_names_parameters() -> None:
    assert render_list([nightly(), etl()], NOW, ListStyle(wide=True)) == golden(WIDE)


def test_all_namespaces_and_no_headers() -> None:
    text = render_list([etl()], NOW, ListStyle(namespaces=True, headers=False))
    assert text == "team   etl-7xk2p   Failed   5m   22s   5   child 'etl-7xk2p-1' failed\n"


def test_nothing_to_list_is_said() -> None:
    assert render_list([], NOW, ListStyle()) == "No workflows found\n"


def test_long_values_are_cut_in_the_middle() -> None:
    workflow = etl()
    workflow["spec"]["arguments"]["parameters"][0]["value"] = "a" * 40 + "b" * 20
    text = render_list([workflow], NOW, ListStyle(wide=True))
    assert "day=" + "a" * 32 + "..." + "b" * 15 + "\n" in text


def test_a_column_is_as_wide_as_its_run_of_lines() -> None:
    lines = [("a", "b", "c"), ("long", "b", "c"), ("no tab",), ("a", "c")]
    assert render_table(lines, 2) == "a     b  c\nlong  b  c\nno tab\na  c\n"


def test_a_message_of_several_lines_stays_in_its_row() -> None:
    workflow = etl()
    workflow["status"]["message"] = "one\ntwo\n"
    text = render_list([workflow], NOW, ListStyle(headers=False))
    assert text.endswith("   one two\n")
    assert text.count("\n") == 1
