"""The golden vectors pass, but for those that docs/compatibility.md lists."""

import re
from pathlib import Path

import pytest
from tests.conformance import language
from tests.conformance.language_checks import CHECKS

COMPATIBILITY = Path(__file__).resolve().parents[3] / "docs" / "compatibility.md"
LISTED = set(re.findall(r"`([a-z_]+-[a-z-]+-[0-9a-f]{10})`", COMPATIBILITY.read_text("utf-8")))
FILES = sorted(language.DEFAULT.glob("*.jsonl"))


@pytest.mark.skipif(not FILES, reason="the corpus is not here")
def test_there_is_a_check_for_every_file():
    assert {path.stem for path in FILES} <= set(CHECKS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_vectors_pass_but_for_those_listed(path):
    _, total, failures, _ = language.run_file(path, CHECKS[path.stem], by_message=False)
    failed = {failure.partition(":")[0] for failure in failures}
    assert total
    assert failed == {name for name in LISTED if name.startswith(f"{path.stem}-")}


def test_at_most_five_are_listed():
    assert len(LISTED) <= 5


def test_any_folder_can_be_given(tmp_path, capsys):
    good = '{"id":"when-a-0","group":"a","when":"1 == 1","mode":"step","result":true}\n'
    bad = '{"id":"when-a-1","group":"a","when":"1 == 2","mode":"step","result":true}\n'
    (tmp_path / "when.jsonl").write_text(good, encoding="utf-8")
    assert language.main([str(tmp_path)]) == 0
    (tmp_path / "when.jsonl").write_text(good + bad, encoding="utf-8")
    assert language.main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "1/2" in said
    assert "when-a-1" in said


def test_what_is_no_vector_fails_where_it_stands_and_the_rest_goes_on(tmp_path, capsys):
    good = b'{"id":"when-a-0","group":"a","when":"1 == 1","mode":"step","result":true}\n'
    (tmp_path / "when.jsonl").write_bytes(b'{"id":\n\xff\n\n[1]\n' + good)
    assert language.main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "1/4" in said
    assert all(f"when.jsonl:{number}: not a vector: " in said for number in (1, 2, 3))


def test_so_many_failures_can_be_allowed_and_one_file_named(tmp_path):
    bad = '{"id":"when-a-1","group":"a","when":"1 == 2","mode":"step","result":true}\n'
    (tmp_path / "when.jsonl").write_text(bad, encoding="utf-8")
    assert language.main([str(tmp_path / "when.jsonl"), "--allow", "1"]) == 0
    assert language.main([str(tmp_path / "when.jsonl")]) == 1


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_place_without_vectors_is_an_error(tmp_path, name):
    with pytest.raises(SystemExit):
        language.main([str(tmp_path / name)])
