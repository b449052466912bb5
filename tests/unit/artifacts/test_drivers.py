"""The local and raw drivers, and how drivers are found."""

from __future__ import annotations

import sys

import pytest

from tiphys.artifacts.local import LocalDriver
from tiphys.artifacts.raw import RawDriver
from tiphys.artifacts.registry import BUILTIN, Drivers, available
from tiphys.errors import NotFound, Permanent, Unsupported, UserError
from tiphys.model.artifacts import (
    LOCATIONS,
    Artifact,
    HTTPArtifact,
    LocalArtifact,
    PluginArtifact,
    RawArtifact,
    S3Artifact,
)
from tiphys.ports import Entry

pytestmark = pytest.mark.anyio


def at(key):
    return Artifact(name="a", local=LocalArtifact(key=key))


@pytest.fixture
def driver(tmp_path):
    return LocalDriver(tmp_path / "repository")


async def test_a_file_comes_back_and_is_replaced_whole(driver, tmp_path):
    (tmp_path / "x").write_text("1")
    await driver.put(tmp_path / "x", at("wf/x"))
    (tmp_path / "x").write_text("2")
    await driver.put(tmp_path / "x", at("wf/x"))
    await driver.get(at("wf/x"), tmp_path / "back")
    assert (tmp_path / "back").read_text() == "2"
    assert b"".join([piece async for piece in driver.open(at("wf/x"))]) == b"2"


async def test_a_directory_can_be_read_file_by_file(driver, tmp_path):
    (tmp_path / "d/sub").mkdir(parents=True)
    (tmp_path / "d/x").write_text("1")
    (tmp_path / "d/sub/y").write_text("22")
    await driver.put(tmp_path / "d", at("wf/d/"))
    await driver.get(at("wf/d/sub/y"), tmp_path / "y")
    await driver.get(at("wf/d"), tmp_path / "all")
    assert (tmp_path / "y").read_text() == "22"
    assert (tmp_path / "all/x").read_text() == "1"
    found = [entry async for entry in driver.list(at("wf"))]
    assert found == [Entry("wf/d/sub/y", 2), Entry("wf/d/x", 1)]


async def test_a_directory_is_replaced_and_not_merged(driver, tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
        await driver.put(tmp_path / name, at("d"))
    assert [entry.key async for entry in driver.list(at("d"))] == ["d/y"]
    (tmp_path / "f").write_text("f")
    await driver.put(tmp_path / "f", at("d"))
    assert [entry.key async for entry in driver.list(at("d"))] == ["d"]
    await driver.put(tmp_path / "x", at("d"))
    assert [entry.key async for entry in driver.list(at("d"))] == ["d/x"]


@pytest.mark.parametrize("key", ["", "/", ".", "..", "../x", "a/../../x", "a\0b", ".tiphys-tmp/x"])
async def test_keys_do_not_escape(driver, tmp_path, key):
    (tmp_path / "x").write_text("1")
    with pytest.raises(Permanent):
        await driver.put(tmp_path / "x", at(key))


async def test_an_absolute_key_is_below_the_root(driver, tmp_path):
    (tmp_path / "x").write_text("1")
    await driver.put(tmp_path / "x", at("/abs/x"))
    assert (tmp_path / "repository/abs/x").read_text() == "1"


async def test_links_in_a_stored_directory_lead_nowhere(driver, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "secret").write_text("s")
    (tmp_path / "d/out").symlink_to(tmp_path)
    await driver.put(tmp_path / "d", at("d"))
    with pytest.raises(Permanent, match="link"):
        await driver.get(at("d/out/secret"), tmp_path / "stolen")


async def test_what_is_not_there_is_not_found_and_deleting_it_is_fine(driver, tmp_path):
    with pytest.raises(NotFound):
        await driver.get(at("no"), tmp_path / "x")
    with pytest.raises(NotFound):
        [piece async for piece in driver.open(at("no"))]
    await driver.delete(at("no"))
    assert [entry async for entry in driver.list(at("no"))] == []
    (tmp_path / "x").write_text("1")
    await driver.put(tmp_path / "x", at("x"))
    await driver.delete(at("x"))
    with pytest.raises(NotFound):
        await driver.get(at("x"), tmp_path / "y")


async def test_raw_is_read_only(tmp_path):
    raw, artifact = RawDriver(), Artifact(name="r", raw=RawArtifact(data="é"))
    await raw.get(artifact, tmp_path / "x")
    assert (tmp_path / "x").read_text() == "é"
    with pytest.raises(Permanent, match="Raw output artifacts unsupported"):
        await raw.put(tmp_path / "x", artifact)
    with pytest.raises(Permanent, match="ListObjects"):
        [entry async for entry in raw.list(artifact)]


def test_a_driver_is_made_once_and_unknown_types_are_refused(tmp_path):
    drivers = Drivers({"local": {"root": tmp_path}})
    assert drivers(at("x")) is drivers(at("y"))
    with pytest.raises(Unsupported, match="Unsupported artifact driver for s"):
        drivers(Artifact(name="s"))
    broken = Drivers({}, paths={"local": "tiphys.no_such_module:Driver"})
    with pytest.raises(Permanent, match="cannot be loaded"):
        broken(at("x"))


@pytest.mark.parametrize(
    ("where", "package", "extra"),
    [
        (Artifact(name="s", s3=S3Artifact(key="x", bucket="b", endpoint="e")), "obstore", "s3"),
        (Artifact(name="h", http=HTTPArtifact(url="http://x")), "aiohttp", "http"),
        (Artifact(name="p", plugin=PluginArtifact(name="p", key="k")), "grpcio", "plugin"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, where, package, extra):
    for name in [name for name in sys.modules if name.startswith("tiphys.artifacts.")]:
        if name.rpartition(".")[2] not in ("registry", "credentials", "masked", "local", "raw"):
            monkeypatch.delitem(sys.modules, name)
    for module in ("obstore", "aiohttp", "grpc"):
        monkeypatch.setitem(sys.modules, module, None)
    text = f"need the package {package}, .*: pip install 'tiphys\\[{extra}\\]'"
    with pytest.raises(UserError, match=text):
        Drivers({})(where)


def test_every_kind_of_artifact_has_a_driver():
    assert BUILTIN.keys() == {*LOCATIONS} - {"items"}  # what those of a loop are made of has


async def test_a_key_without_a_bucket_is_in_the_default_repository(tmp_path):
    drivers = Drivers({"local": {"root": tmp_path / "repository"}})
    (tmp_path / "x").write_text("1")
    place = Artifact(name="s", s3=S3Artifact(key="a/x"))
    await drivers(place).put(tmp_path / "x", place)
    await drivers(at("a/x")).get(at("a/x"), tmp_path / "y")
    assert (tmp_path / "y").read_text() == "1"


def test_a_type_is_available_when_its_package_is_there(monkeypatch):
    assert available() == BUILTIN.keys()
    for module in ("obstore", "grpc"):
        monkeypatch.setitem(sys.modules, module, None)
    assert available() == {"local", "raw", "git", "hdfs", "http", "artifactory"}
