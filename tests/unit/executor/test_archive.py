"""Archives: what goes in comes out; what is hostile stays out."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiphys.errors import Permanent
from tiphys.executor import archive
from tiphys.executor.archive import Limits, is_tar, suffix, unpack
from tiphys.executor.layout import Spot
from tiphys.executor.opened import opened
from tiphys.model.artifacts import ArchiveStrategy, NoneStrategy, TarStrategy, ZipStrategy

TAR, ZIP = ArchiveStrategy(tar=TarStrategy()), ArchiveStrategy(zip=ZipStrategy())
NONE = ArchiveStrategy(none=NoneStrategy())


def entry(name, kind=tarfile.REGTYPE, link="", content=b"evil"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return info, content


def tar_of(path: Path, *entries) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content) if info.size else None)
    return path


def pack(source: Path, target: Path, strategy) -> None:
    with opened(Spot("", str(source))) as item:
        archive.pack(item, target, strategy, str(source))


def below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.mark.parametrize("strategy", [None, TAR, ZIP], ids=["default", "tar", "zip"])
def test_a_tree_comes_out_as_it_went_in(tmp_path, strategy):
    tree = tmp_path / "d"
    (tree / "sub").mkdir(parents=True)
    (tree / "x").write_text("1")
    (tree / "sub" / "run").write_text("2")
    (tree / "sub" / "run").chmod(0o755)
    pack(tree, tmp_path / "packed", strategy)
    unpack(tmp_path / "packed", tmp_path / "out", strategy)
    assert (tmp_path / "out/x").read_text() == "1"
    assert stat.S_IMODE((tmp_path / "out/sub/run").stat().st_mode) == 0o755
    assert not (tmp_path / "packed").exists()


def test_tar_keeps_links_empty_folders_and_times(tmp_path):
    tree = tmp_path / "d"
    (tree / "empty").mkdir(parents=True)
    (tree / "x").write_text("1")
    os.utime(tree / "x", (1000, 1000))
    (tree / "link").symlink_to("x")
    pack(tree, tmp_path / "packed", None)
    unpack(tmp_path / "packed", tmp_path / "out", None)
    assert (tmp_path / "out/empty").is_dir()
    assert os.readlink(tmp_path / "out/link") == "x"
    assert (tmp_path / "out/x").stat().st_mtime == 1000


def test_the_layout_of_a_tar_is_argos(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("1")
    pack(tmp_path / "d", tmp_path / "d.tgz", None)
    pack(tmp_path / "d/x", tmp_path / "x.tgz", None)
    with tarfile.open(tmp_path / "d.tgz") as tar:
        assert tar.getnames() == ["d", "d/x"]
    with tarfile.open(tmp_path / "x.tgz") as tar:
        assert tar.getnames() == ["x"]


def test_one_entry_loses_its_name_and_several_keep_theirs(tmp_path):
    unpack(tar_of(tmp_path / "a", entry("one")), tmp_path / "one-out", None)
    assert (tmp_path / "one-out").read_bytes() == b"evil"
    unpack(tar_of(tmp_path / "b", entry("x"), entry("y")), tmp_path / "two", None)
    assert below(tmp_path / "two") == {"x", "y"}
    unpack(tar_of(tmp_path / "c"), tmp_path / "none", TAR)
    assert list((tmp_path / "none").iterdir()) == []


def test_without_strategy_only_a_gzipped_tar_is_unpacked(tmp_path):
    (tmp_path / "plain").write_bytes(b"text")
    (tmp_path / "gz").write_bytes(gzip.compress(b"no tar"))
    with zipfile.ZipFile(tmp_path / "zip", "w") as out:
        out.writestr("x", "1")
    for name in ("plain", "gz", "zip"):
        before = (tmp_path / name).read_bytes()
        assert not is_tar(tmp_path / name)
        unpack(tmp_path / name, tmp_path / "out", None)
        assert (tmp_path / "out").read_bytes() == before
        (tmp_path / "out").unlink()


def test_level_0_stores_and_the_suffix_follows_the_strategy(tmp_path):
    (tmp_path / "x").write_bytes(b"a" * 10_000)
    pack(tmp_path / "x", tmp_path / "0", ArchiveStrategy(tar=TarStrategy(compression_level=0)))
    pack(tmp_path / "x", tmp_path / "2", None)
    assert (tmp_path / "0").stat().st_size > 10_000 > 10 * (tmp_path / "2").stat().st_size
    assert [suffix(s) for s in (None, TAR, ZIP, NONE)] == [".tgz", ".tgz", ".zip", ""]


@pytest.mark.parametrize(
    "entries",
    [
        [entry("/abs")],
        [entry("../up")],
        [entry("a/../../up")],
        [entry("link", tarfile.SYMTYPE, "/etc")],
        [entry("link", tarfile.SYMTYPE, "../..")],
        [entry("a/link", tarfile.SYMTYPE, "../../up")],
        [entry("d", tarfile.SYMTYPE, "."), entry("d/x")],
        [entry("d", tarfile.SYMTYPE, "sub"), entry("d/../x"), entry("d/x")],
        [entry("d", tarfile.SYMTYPE, "."), entry("e", tarfile.SYMTYPE, "d/..")],
        [entry("e", tarfile.SYMTYPE, "d/.."), entry("d", tarfile.SYMTYPE, ".")],
        [entry("d", tarfile.SYMTYPE, "a/b"), entry("e", tarfile.SYMTYPE, "d/../../..")],
        [entry("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [entry("hard", tarfile.LNKTYPE, "../secret")],
        [entry("l", tarfile.SYMTYPE, "x"), entry("hard", tarfile.LNKTYPE, "l")],
        [entry("dev", tarfile.CHRTYPE)],
        [entry("disk", tarfile.BLKTYPE)],
        [entry("pipe", tarfile.FIFOTYPE)],
    ],
)
def test_hostile_tars_are_refused_and_write_nothing_outside(tmp_path, entries):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_text("s")
    packed = tar_of(tmp_path / "packed", entry("harmless"), *entries)
    with pytest.raises(Permanent, match="illegal"):
        unpack(packed, inside / "out", None)
    assert below(tmp_path) == {"inside", "secret", "packed"}
    assert (tmp_path / "secret").read_text() == "s"


@pytest.mark.parametrize("name", ["/abs", "../up", "a/../../up", ".."])
def test_hostile_zips_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "packed", "w") as out:
        out.writestr("ok", "1")
        out.writestr(name, "evil")
    (tmp_path / "in").mkdir()
    with pytest.raises(Permanent, match="Illegal file path"):
        unpack(tmp_path / "packed", tmp_path / "in" / "out", ZIP)
    assert below(tmp_path) == {"in", "packed"}


def special(name, kind):
    """Return a zip member whose mode says that it is a link, a device or a pipe."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_what_is_special_in_a_zip_comes_out_as_a_file(tmp_path, kind):
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "packed", "w") as out:
        out.writestr(special("x", kind), "/etc/passwd")
        out.writestr("y", "1")
    unpack(tmp_path / "packed", tmp_path / "in/out", ZIP)
    assert stat.S_ISREG((tmp_path / "in/out/x").lstat().st_mode)
    assert (tmp_path / "in/out/x").read_text() == "/etc/passwd"


def test_nothing_is_written_behind_a_link_of_a_zip(tmp_path):
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "packed", "w") as out:
        out.writestr(special("link", stat.S_IFLNK), str(tmp_path))
        out.writestr("link/evil", "1")
    with pytest.raises(Permanent, match="cannot unpack"):
        unpack(tmp_path / "packed", tmp_path / "in/out", ZIP)
    assert below(tmp_path) == {"in", "packed"}


def test_a_zip_that_lies_about_its_size_is_broken(tmp_path):
    with zipfile.ZipFile(tmp_path / "packed", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros", b"\0" * 1_000_000)
    content = (tmp_path / "packed").read_bytes()
    (tmp_path / "packed").write_bytes(content.replace(struct.pack("<I", 1_000_000), b"\x0a\0\0\0"))
    with pytest.raises(Permanent, match="cannot unpack"):
        unpack(tmp_path / "packed", tmp_path / "out", ZIP)
    assert below(tmp_path) == {"packed"}


def test_a_zip_with_a_password_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "packed", "w") as out:
        out.writestr("x", "1")
    content = bytearray((tmp_path / "packed").read_bytes())
    content[6] |= 1  # the flag in the member's header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "packed").write_bytes(content)
    with pytest.raises(Permanent, match=r"cannot unpack: .*password"):
        unpack(tmp_path / "packed", tmp_path / "out", ZIP)
    assert below(tmp_path) == {"packed"}


def test_bombs_are_refused(tmp_path):
    big = entry("zeros", content=b"\0" * 1_000_000)
    for limits in (Limits(total_bytes=1000), Limits(ratio=10, ratio_from_bytes=1000)):
        with pytest.raises(Permanent, match="archive"):
            unpack(tar_of(tmp_path / "packed", big), tmp_path / "out", None, limits)
    with zipfile.ZipFile(tmp_path / "z", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros", b"\0" * 1_000_000)
    with pytest.raises(Permanent, match="archive"):
        unpack(tmp_path / "z", tmp_path / "out", ZIP, Limits(ratio=10, ratio_from_bytes=1000))
    many = tar_of(tmp_path / "packed", *(entry(str(i), content=b"") for i in range(20)))
    with pytest.raises(Permanent, match="archive"):
        unpack(many, tmp_path / "out", None, Limits(entries=10))


def test_the_limits_are_those_of_the_documentation(tmp_path):
    """Up to 1 GiB anything goes, beyond it 500 times the size: counted, not unpacked here."""
    (tmp_path / "packed").write_bytes(b"x" * 1000)
    (tmp_path / "large").write_bytes(b"x" * (3 << 20))
    archive._Guard(tmp_path / "packed", Limits()).count("zeros", 1 << 30)
    with pytest.raises(Permanent, match="over 500 times"):
        archive._Guard(tmp_path / "packed", Limits()).count("zeros", (1 << 30) + 1)
    archive._Guard(tmp_path / "large", Limits()).count("text", 500 * (3 << 20))
    with pytest.raises(Permanent, match="over 500 times"):
        archive._Guard(tmp_path / "large", Limits()).count("text", 500 * (3 << 20) + 1)


@pytest.mark.parametrize("strategy", [TAR, ZIP])
def test_broken_archives_are_permanent_errors(tmp_path, strategy):
    (tmp_path / "packed").write_bytes(b"not an archive")
    with pytest.raises(Permanent, match="cannot unpack"):
        unpack(tmp_path / "packed", tmp_path / "out", strategy)
    whole = tar_of(tmp_path / "whole", entry("x", content=os.urandom(100_000))).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Permanent, match="cannot unpack"):
        unpack(tmp_path / "cut", tmp_path / "out", TAR)
    assert below(tmp_path) == {"packed", "whole", "cut"}


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "/"]), min_size=1, max_size=4)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(members=st.lists(st.tuples(NAMES, KINDS, NAMES), max_size=6))
def test_no_tar_ever_writes_outside(tmp_path_factory, members):
    root = tmp_path_factory.mktemp("any")
    (root / "inside").mkdir()
    (root / "a").write_text("keep")
    entries = [entry("/".join(n), kind, "/".join(target)) for n, kind, target in members]
    try:
        unpack(tar_of(root / "packed", *entries), root / "inside" / "out", TAR)
    except Permanent:
        pass
    else:
        for path in (root / "inside").rglob("*"):
            with contextlib.suppress(OSError):  # links to nothing and to themselves are harmless
                assert os.path.realpath(path, strict=True).startswith(f"{root}/inside")
    assert {p.name for p in root.iterdir()} <= {"inside", "a", "packed"}
    assert {p.name for p in (root / "inside").iterdir()} <= {"out"}
    assert (root / "a").read_text() == "keep"
