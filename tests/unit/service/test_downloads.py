"""The artifacts of loops for browsers: what is listed, what lies inside, what cannot be sent."""

from __future__ import annotations

import pytest

from tiphys.artifacts.registry import Drivers
from tiphys.errors import NotFound, UserError
from tiphys.model.artifacts import Artifact, ItemsArtifact, LocalArtifact
from tiphys.service.downloads import Files, inside, items_of

pytestmark = pytest.mark.anyio


def part(name, key):
    return Artifact(name=name, local=LocalArtifact(key=key))


def together(name, *parts):
    return Artifact(name=name, items=ItemsArtifact(artifacts=parts))


WHOLE = together("y", part("0", "w/zero"), part("2", "w/two"), together("3", part("1", "w/deep")))


def test_a_loops_artifact_lists_its_items():
    assert items_of(WHOLE) == ["0", "2", "3/"]


def test_a_path_names_an_item_and_what_lies_in_it():
    assert inside(WHOLE, "2").local == LocalArtifact(key="w/two")
    assert inside(WHOLE, "2/a/../b").local == LocalArtifact(key="w/two/b")
    assert inside(WHOLE, "3/1/x").local == LocalArtifact(key="w/deep/x")
    for path in ("1", "../w/zero", "3/0"):
        with pytest.raises(NotFound):
            inside(WHOLE, path)


async def test_it_is_a_directory_and_no_file(tmp_path):
    files = Files(Drivers({"local": {"root": tmp_path}}))
    assert await files.is_folder(WHOLE)
    with pytest.raises(UserError, match="artifact y has a file for each item"):
        await files.open(WHOLE)
