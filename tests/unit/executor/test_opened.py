"""What a job left is opened without following anything, whatever another does meanwhile."""

from __future__ import annotations

import os
import zipfile

import pytest

from tiphys.errors import Permanent
from tiphys.executor import capture
from tiphys.executor.layout import Mount, RootedLayout, Spot
from tiphys.executor.opened import keep, opened, tree
from tiphys.model.artifacts import ArchiveStrategy, Artifact, ZipStrategy

ZIP = ArchiveStrategy(zip=ZipStrategy())


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/d/sub").mkdir(parents=True)
    (tmp_path / "root/d/sub/f").write_text("own")
    (tmp_path / "host/sub").mkdir(parents=True)
    (tmp_path / "host/sub/f").write_text("secret")
    return tmp_path / "root"


@pytest.mark.parametrize("name", ["d", "d/sub"])
def test_a_directory_that_became_a_link_after_it_was_looked_up_is_refused(root, name):
    spot = RootedLayout(str(root.parent), {}, {}).spot("/d/sub/f")
    (root / name).rename(root / "away")
    (root / name).symlink_to(root.parent / "host" / name.removeprefix("d/"))
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"), opened(spot):
        pass


def test_a_file_that_became_a_link_is_a_link(root):
    spot = RootedLayout(str(root.parent), {}, {}).spot("/d/sub/f")
    (root / "d/sub/f").unlink()
    (root / "d/sub/f").symlink_to(root.parent / "host/sub/f")
    with opened(spot) as item:
        assert (item.is_link, item.is_file, item.fd) == (True, False, -1)


def test_what_is_open_stays_what_it_is(root, tmp_path):
    with opened(Spot(str(root), "/d")) as top:
        items = tree(top)
        assert [next(items).path, next(items).path] == ["", "sub"]
        (root / "d/sub").rename(root / "away")
        (root / "d/sub").symlink_to(tmp_path / "host/sub")
        item = next(items)
        assert (item.path, os.read(item.fd, 100)) == ("sub/f", b"own")
        items.close()


def test_a_part_of_a_volume_that_was_led_out_of_it_is_refused(root, tmp_path):
    mount = Mount("/m", str(root / "d/sub"), volume=str(root / "d"))
    layout = RootedLayout(str(tmp_path), {}, {}, [mount])
    spot = layout.spot("/m/f")
    with opened(spot) as item:
        assert os.read(item.fd, 100) == b"own"
    (root / "d/sub").rename(root / "d/away")
    (root / "d/sub").symlink_to(tmp_path / "host/sub")
    with pytest.raises(OSError, match="leads out of its volume"), opened(spot):
        pass


def test_of_the_hosts_files_a_job_is_given_what_anyone_may_read(root, tmp_path):
    layout = RootedLayout(str(tmp_path), {"/etc": str(tmp_path / "host")}, {})
    (root / "link").symlink_to("/etc/sub/f")
    with opened(layout.spot("/link")) as item:
        assert os.read(item.fd, 100) == b"secret"
    (tmp_path / "host/sub/f").chmod(0o640)
    with pytest.raises(PermissionError), opened(layout.spot("/link")):
        pass
    with pytest.raises(PermissionError), opened(layout.spot("/etc")) as top:
        list(tree(top))
    assert capture._content(layout, "/link") is None


def test_every_file_that_was_opened_is_closed(root):
    before = sorted(os.listdir("/proc/self/fd"))
    with opened(Spot(str(root), "/d")) as top:
        list(tree(top))
    for path in ("/none", "/d/none", "/d/sub/f/none"):
        with pytest.raises(OSError), opened(Spot(str(root), path)):
            pass
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_what_is_kept_is_the_same_and_no_job_can_change_what_is_where(root, tmp_path):
    (root / "d/run").write_text("x")
    (root / "d/run").chmod(0o755)
    (root / "d/link").symlink_to("/etc/passwd")
    os.mkfifo(root / "d/pipe")
    with opened(Spot(str(root), "/d")) as top:
        keep(top, tmp_path / "kept")
    found = {str(p.relative_to(tmp_path / "kept")) for p in (tmp_path / "kept").rglob("*")}
    assert found == {"run", "link", "sub", "sub/f"}
    assert os.readlink(tmp_path / "kept/link") == "/etc/passwd"
    assert (tmp_path / "kept/run").samefile(root / "d/run")


def test_without_hard_links_it_is_copied(root, tmp_path, monkeypatch):
    def refused(*_args, **_more):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    (root / "d/sub/f").chmod(0o755)
    os.utime(root / "d/sub/f", (1000, 1000))
    with opened(Spot(str(root), "/d")) as top:
        keep(top, tmp_path / "kept")
    copy = tmp_path / "kept/sub/f"
    assert (copy.read_text(), copy.stat().st_mode & 0o777, copy.stat().st_mtime) == (
        "own",
        0o755,
        1000,
    )
    assert not copy.samefile(root / "d/sub/f")


def test_directories_without_end_are_refused(root):
    at = os.open(root, os.O_RDONLY)
    for _ in range(210):
        os.mkdir("n", dir_fd=at)
        below = os.open("n", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    with pytest.raises(OSError, match="200 directories deep"), opened(Spot(str(root))) as top:
        list(tree(top))


def test_a_zip_of_a_file_names_the_pods_path_and_never_the_hosts(root, tmp_path):
    layout = RootedLayout(str(tmp_path), {}, {})
    artifact = Artifact(name="a", path="/d/sub/f", archive=ZIP)
    assert capture._pack(artifact, "/d/sub/f", layout, tmp_path / "out/a.zip")
    with zipfile.ZipFile(tmp_path / "out/a.zip") as found:
        assert found.namelist() == ["d/sub/f"]


def test_links_in_a_circle_are_left_out_of_a_zip(root, tmp_path):
    (root / "d/a").symlink_to("b")
    (root / "d/b").symlink_to("a")
    (root / "d/ok").symlink_to("/d/sub/f")
    layout = RootedLayout(str(tmp_path), {}, {})
    assert capture._pack(Artifact(name="a", archive=ZIP), "/d", layout, tmp_path / "out/a.zip")
    with zipfile.ZipFile(tmp_path / "out/a.zip") as found:
        assert found.namelist() == ["d/ok", "d/sub/f"]


def test_a_link_to_nothing_is_refused_by_name_where_no_link_can_be_kept(root, tmp_path):
    (root / "o").symlink_to(tmp_path / "host/sub/f")
    layout = RootedLayout(str(tmp_path), {}, {})
    with pytest.raises(
        Permanent, match=r"^/o is a link to .*, where the pod has no file or directory"
    ):
        capture._pack(Artifact(name="a", archive=ZIP), "/o", layout, tmp_path / "out/a.zip")
