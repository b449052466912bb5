"""What moves for a run whose jobs are on another machine."""

import msgspec
import pytest

from tiphys.executor import contract
from tiphys.executor.moving import Moving
from tiphys.model.ids import RunId
from tiphys.ports import RunRow
from tiphys.service.moving import Transfer, TransfersNow, answering

pytestmark = pytest.mark.anyio
ROW = RunRow(RunId("uid-1"), "team", "w", 1.0, False, "engine-1", 1, "process", b"{}", b"{}")


class Elsewhere:
    """The one process that drives the run; `runs` is where its jobs are."""

    def __init__(self, runs):
        self.asked = []
        self._answer = answering(runs)

    async def ask(self, owner, question):
        self.asked.append(owner)
        return self._answer(question)


class Nodes:
    async def nodes(self, run):
        node = {"id": "w-1", "name": "w.a", "type": "Pod", "phase": "Running"}
        done = {"id": "w-2", "name": "w.b", "type": "Pod", "phase": "Failed"}
        return [msgspec.json.encode(item) for item in (node, done)]


def put(runs, job, moving):
    folder = runs / "uid-1" / job
    folder.mkdir(parents=True)
    (folder / contract.MOVING).write_bytes(msgspec.json.encode(moving))


async def test_the_process_that_drives_a_run_is_asked_where_nothing_is_here(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    put(there, "w-1", Moving("big", "saving", 7, 9))
    put(there, "w-2", Moving("old", "saving", 1))
    peers = Elsewhere(there)
    now = TransfersNow(here, Nodes(), peers)
    moved = Transfer("w-1", "big", "saving", 7, 9, "w.a")
    assert (await now.of(ROW)).items == (moved,)  # of w-2, which is done, nothing is shown
    named = await now.of(ROW, ["w-1", "w-3"])
    assert [(item.id, item.node) for item in named.items] == [("w-1", "")]
    assert peers.asked == ["engine-1"] * 2


async def test_nobody_is_asked_about_what_is_known_here(tmp_path):
    put(tmp_path, "w-1", Moving("big", "loading", 1))
    peers = Elsewhere(tmp_path)
    assert len((await TransfersNow(tmp_path, Nodes(), peers).of(ROW)).items) == 1
    assert (await TransfersNow(tmp_path / "none", Nodes()).of(ROW)).items == ()
    assert peers.asked == []


@pytest.mark.parametrize("said", [None, "", "nonsense", "[1]", '[{"id": 1}]'])
async def test_an_answer_that_cannot_be_read_is_none(tmp_path, said):
    class Odd:
        async def ask(self, owner, question):
            return said

    assert (await TransfersNow(tmp_path, Nodes(), Odd()).of(ROW)).items == ()


@pytest.mark.parametrize("question", ["", "moving ", "moving ../x", "moving a/b", "else uid-1"])
def test_a_question_that_is_none_is_not_answered(tmp_path, question):
    put(tmp_path, "w-1", Moving("big", "loading", 1))
    assert answering(tmp_path)(question) == ""


def test_an_answer_is_as_long_as_it_may_be(tmp_path):
    for number in range(200):
        put(tmp_path, f"w-{number}", Moving("big" * 20, "loading", number))
    answer = answering(tmp_path)("moving uid-1")
    assert 6_000 < len(answer) < 7_000
    assert 30 < len(msgspec.json.decode(answer)) < 200
