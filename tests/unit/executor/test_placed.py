"""What is put where a job will find it: moved, or copied into another file system."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from tiphys.executor.layout import Spot
from tiphys.executor.placed import clear, make_folders, place


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "ready"
    (top / "sub").mkdir(parents=True)
    (top / "sub/run").write_text("x")
    (top / "sub/run").chmod(0o750)
    os.utime(top / "sub/run", (1000, 1000))
    (top / "link").symlink_to("/etc/passwd")
    (top / "sub").chmod(0o555)
    top.chmod(0o555)
    yield top
    for folder in tmp_path.rglob("sub"):
        folder.chmod(0o755)


@pytest.fixture(params=["moved", "copied"])
def how(request, monkeypatch):
    if request.param == "copied":

        def refused(*_args, **_more):
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(os, "rename", refused)
    return request.param


def test_a_tree_is_as_it_was_in_place_of_what_was_there(tmp_path, tree, how):
    volume = tmp_path / "volume"
    (volume / "a/b/old").mkdir(parents=True)
    place(tree, Spot(str(volume), "/a/b"))
    at = volume / "a/b"
    found = {path.relative_to(at).as_posix() for path in at.rglob("*")}
    assert found == {"sub", "sub/run", "link"}
    assert os.readlink(at / "link") == "/etc/passwd"
    run = (at / "sub/run").stat()
    assert (stat.S_IMODE(run.st_mode), run.st_mtime) == (0o750, 1000)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (at, at / "sub")] == [0o555, 0o555]


def test_a_file_takes_the_place_of_a_link(tmp_path, how):
    (tmp_path / "ready").write_text("mine")
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "v").mkdir()
    (tmp_path / "v/f").symlink_to(tmp_path / "kept")
    place(tmp_path / "ready", Spot(str(tmp_path / "v"), "/f"))
    assert not (tmp_path / "v/f").is_symlink()
    assert ((tmp_path / "v/f").read_text(), (tmp_path / "kept").read_text()) == ("mine", "kept")


def test_directories_are_made_as_far_as_they_are_missing_and_behind_no_link(tmp_path):
    (tmp_path / "v/a").mkdir(parents=True)
    make_folders(Spot(str(tmp_path / "v"), "/a/b/c"))
    make_folders(Spot(str(tmp_path / "v"), "/a/b/c"))
    assert (tmp_path / "v/a/b/c").is_dir()
    (tmp_path / "out").mkdir()
    (tmp_path / "v/l").symlink_to(tmp_path / "out")
    for work in (make_folders, clear):
        with pytest.raises(NotADirectoryError):
            work(Spot(str(tmp_path / "v"), "/l/new/deep"))
    assert not any((tmp_path / "out").iterdir())


def test_nothing_is_made_in_a_part_of_the_host(tmp_path):
    with pytest.raises(OSError, match="Read-only file system"):
        make_folders(Spot(str(tmp_path), "/new", shown=True))
    assert not any(tmp_path.iterdir())
