"""Data templates over the local repository."""

from __future__ import annotations

import pytest

from tiphys.artifacts.registry import Drivers
from tiphys.model.artifacts import LocalArtifact, S3Artifact
from tiphys.model.templates import ArtifactPaths, Data, DataSource, Template, TransformationStep
from tiphys.runtime.data import DataRuntime
from tiphys.testing.leaf_contract import leaf
from tiphys.testing.runtime_contract import Session, SystemClock

pytestmark = pytest.mark.anyio
CLOCK = SystemClock()


class World:
    real = True
    clock = CLOCK


async def run(tmp_path, where, *expressions):
    for name in ("a.csv", "b.txt", "sub/c.csv"):
        path = tmp_path / "artifacts" / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    steps = tuple(TransformationStep(expression=text) for text in expressions)
    data = Data(source=DataSource(artifact_paths=where), transformation=steps)
    drivers = Drivers({"local": {"root": tmp_path / "artifacts"}})
    async with Session(World(), DataRuntime(tmp_path / "runs", CLOCK, drivers)) as here:
        return await here.run(leaf(Template(name="t", data=data)))


LOCAL = ArtifactPaths(name="in", local=LocalArtifact(key="in"))


async def test_keys_are_listed_and_piped_through_the_expressions(tmp_path):
    steps = ("filter(data, {# endsWith '.csv'})", "", "map(data, {# + '<out>'})")
    done = await run(tmp_path, LOCAL, *steps)
    assert (done.phase, done.outputs.exit_code) == ("Succeeded", "0")
    assert done.outputs.result == '["in/a.csv\\u003cout\\u003e","in/sub/c.csv\\u003cout\\u003e"]'


async def test_without_expressions_the_keys_are_the_result(tmp_path):
    done = await run(tmp_path, ArtifactPaths(name="in", s3=S3Artifact(key="in")))
    assert done.outputs.result == '["in/a.csv","in/b.txt","in/sub/c.csv"]'


async def test_the_last_value_may_be_anything(tmp_path):
    done = await run(tmp_path, LOCAL, '{"count": len(data), "first": data[0]}')
    assert done.outputs.result == '{"count":3,"first":"in/a.csv"}'


async def test_nothing_below_a_key_is_an_empty_list(tmp_path):
    done = await run(tmp_path, ArtifactPaths(name="in", local=LocalArtifact(key="no")))
    assert done.outputs.result == "[]"


@pytest.mark.parametrize("expression", ["data[", "sprig.trim(data[0])", "data[7]", "inputs.x"])
async def test_an_expression_that_fails_fails_the_job(expression, tmp_path):
    done = await run(tmp_path, LOCAL, expression)
    prefix = "main: Error (exit code 64): unable to process data template: "
    assert (done.phase, done.outputs.exit_code) == ("Failed", "64")
    assert done.message.startswith(prefix)


async def test_a_store_that_cannot_be_reached_fails_the_job(tmp_path):
    done = await run(tmp_path, ArtifactPaths(name="in", s3=S3Artifact(key="in", bucket="b")))
    assert done.message == (
        "main: Error (exit code 64): unable to process data template: artifact in: "
        "s3.endpoint is not set"
    )
