"""The checks of the house find what they are for."""

from pathlib import Path

import pytest
from tools import docs, limits


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(limits, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "SOURCE", tmp_path / "src" / "tiphys")
    monkeypatch.setattr(docs, "COMPATIBILITY", tmp_path / "docs" / "compatibility.md")
    (tmp_path / "src" / "tiphys" / "engine").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    return tmp_path


def found(house: Path, name: str, text: str) -> list[str]:
    path = house / "src" / "tiphys" / "engine" / name
    path.write_text(text)
    report = limits.Report()
    limits.check_file(path, report)
    return [line.split(": ", 1)[1] for line in report.wrong]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "a module says what it is for"),
        ('"""D."""\n\n\ndef f():\n    pass\n', "f has no docstring"),
        ('"""D."""\nx = datetime.now()\n', "datetime.now in a pure room"),
        ('"""D."""\nx = random.random()\n', "random.random in a pure room"),
        ('"""D."""\nx = os.environ["a"]\n', "os.environ is for settings.py alone"),
        ('"""D."""\n' + "\n" * 700, "701 lines; at most 700"),
        ('"""D."""\n\n\ndef _f():\n' + "    x = 1\n" * 70, "_f has 71 lines; at most 70"),
        (
            '"""D."""\n\n\ndef _f():\n'
            + "".join("    " * (depth + 1) + "if x:\n" for depth in range(5))
            + "    " * 6
            + "pass\n",
            "_f is nested 5 deep; at most 4",
        ),
    ],
)
def test_each_limit_is_checked(house: Path, text: str, said: str) -> None:
    assert found(house, "a.py", text) == [said]


def test_what_is_within_the_limits_passes(house: Path) -> None:
    elifs = "".join(f"    elif x == {i}:\n        pass\n" for i in range(20))
    text = f'"""D."""\n\n\ndef f(x):\n    """Do."""\n    if x:\n        pass\n{elifs}'
    assert found(house, "a.py", text) == []
    assert found(house, "table.py", '"""D."""\n# limits: table\n' + "\n" * 800) == []


def test_names_that_say_nothing_are_refused(house: Path) -> None:
    assert found(house, "utils.py", '"""D."""\n')[0].startswith("a file named utils")


def test_broken_links_are_found(house: Path) -> None:
    (house / "a.md").write_text("# One thing\n[a](b.md) [b](#one-thing) `[c](d.md)` [e](#two)\n")
    assert list(docs.broken_links()) == [
        "a.md: the link b.md leads nowhere",
        "a.md: the link #two leads nowhere",
    ]


def test_each_difference_has_a_row_and_each_row_a_difference(house: Path) -> None:
    (house / "src" / "tiphys" / "engine" / "a.py").write_text("# Differs: x\n")
    (house / "docs" / "compatibility.md").write_text("| x | `engine/b.py` |\n")
    assert [line.split(":")[0] for line in docs.unlisted_differences()] == [
        "src/tiphys/engine/a.py",
        "docs/compatibility.md",
    ]
    (house / "docs" / "compatibility.md").write_text("| x | `engine/a.py` |\n")
    assert list(docs.unlisted_differences()) == []
