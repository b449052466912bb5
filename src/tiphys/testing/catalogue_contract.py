"""What every catalogue must do: one suite, run for each of them.

Subclass `CatalogueContract` in a test module and give it a fixture `stock` that returns a `Stock`:
a store and its catalogue.
"""

# A test module that lives in the package.

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import msgspec
import pytest

from tiphys.errors import Conflict, NotFound
from tiphys.expr.selectors import parse_labels
from tiphys.messages import Event, RetryRequested, RunStarted
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Changes, RunRow
from tiphys.ports_server import Catalogue, Filter, Listing, NameTest, Page
from tiphys.testing.store_contract import Store, first_of


@dataclass(frozen=True, slots=True)
class Stock:
    """A store, as an owner sees it, and the lists of what is in it."""

    store: Store
    catalogue: Catalogue
    owner: str


def row_of(name: str, namespace: str = "team", created_at: float = 100.0, **labels: str) -> RunRow:
    """Return the row of a new run with labels."""
    metadata: JsonObject = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return RunRow(
        run=RunId(f"{namespace}-{name}"),
        namespace=namespace,
        name=name,
        created_at=created_at,
        done=False,
        owner="",
        epoch=0,
        runtime="simulated",
        document=msgspec.json.encode({"kind": "Workflow", "metadata": metadata, "spec": {}}),
        summary=summary_of("Pending"),
    )


def summary_of(phase: str, started: str | None = None, finished: str | None = None) -> bytes:
    """Return what of a workflow changes."""
    status = {"phase": phase, "startedAt": started, "finishedAt": finished}
    return msgspec.json.encode({"labels": {"phase": phase}, "status": status})


async def add(stock: Stock, *rows: RunRow) -> None:
    """Keep runs."""
    for row in rows:
        await stock.store.create(row, first_of(row.run))


async def come_to(stock: Stock, run: str, summary: bytes, done: bool = False) -> None:
    """Let a run change, driven anew."""
    epoch = await stock.store.claim(RunId(run), stock.owner)
    assert epoch is not None
    after = await stock.store.version(RunId(run))
    changes = Changes([RunStarted(at=1.0)], [], summary, done)
    await stock.store.append(RunId(run), after, epoch, changes)


async def retire(stock: Stock, name: str = "a") -> RunRow:
    """Let a run end, be archived and be deleted; return its row before that."""
    await add(stock, row_of(name, app="x"))
    run = row_of(name).run
    epoch = await stock.store.claim(run, stock.owner)
    assert epoch is not None
    nodes = [(NodeId(name), b'{"id":"a"}')]
    changes = Changes([RunStarted(at=1.0)], nodes, summary_of("Failed"), True, b'{"big":1}')
    await stock.store.append(run, 1, epoch, changes)
    await stock.store.snapshot(run, 2, epoch, b"state")
    await stock.store.release(run, epoch)
    (item,) = await stock.catalogue.unarchived(10)
    copy: JsonObject = {"metadata": {"name": name, "namespace": "team"}, "status": {}}
    assert await stock.catalogue.archive(item, copy)
    row = await stock.store.find("team", name)
    await stock.store.delete(run)
    return row


def names(listing: Listing) -> list[str]:
    """Return the names on a page."""
    return [item.row.name for item in listing.items]


async def found(stock: Stock, wanted: Filter) -> list[str]:
    """Return the names of all that is wanted, newest first."""
    return names(await stock.catalogue.page(wanted, Page()))


def labelled(text: str) -> Filter:
    """Return the filter of a label selector."""
    return Filter(labels=parse_labels(text).requirements)


@pytest.mark.anyio
class CatalogueContract:
    """What is promised of lists."""

    async def test_a_list_is_newest_first_and_of_one_namespace_or_all(self, stock: Stock) -> None:
        await add(stock, row_of("a"), row_of("b", "other"), row_of("c"))
        assert await found(stock, Filter()) == ["c", "b", "a"]
        assert await found(stock, Filter(namespace="team")) == ["c", "a"]
        assert await found(stock, Filter(not_namespace="team")) == ["b"]
        assert await found(stock, Filter(namespace="none")) == []

    async def test_names_are_tested_whole_or_in_part(self, stock: Stock) -> None:
        await add(stock, row_of("load-1"), row_of("reload"), row_of("lo%d"), row_of("é-load"))
        for how, text, expected in (
            ("Exact", "reload", ["reload"]),
            ("NotEquals", "reload", ["é-load", "lo%d", "load-1"]),
            ("Prefix", "lo", ["lo%d", "load-1"]),
            ("Contains", "load", ["é-load", "reload", "load-1"]),
            ("Contains", "%", ["lo%d"]),
            ("Prefix", "é", ["é-load"]),
        ):
            wanted = Filter(names=[NameTest(how, text)])  # type: ignore[arg-type]  # a literal
            assert await found(stock, wanted) == expected, (how, text)

    async def test_a_prefix_may_end_in_any_letter(self, stock: Stock) -> None:
        last, edge = "\U0010ffff", "\ud7ff"
        every = [f"a{last}b", f"a{last}{last}", f"{edge}x", "\ue000", f"{last}y", "b"]
        await add(stock, *map(row_of, every))
        for text in ("", "a", f"a{last}", edge, last, f"{last}{last}", "b", "c"):
            wanted = Filter(names=[NameTest("Prefix", text)])
            expected = [name for name in reversed(every) if name.startswith(text)]
            assert await found(stock, wanted) == expected, text

    async def test_labels_are_selected_as_kubernetes_does(self, stock: Stock) -> None:
        await add(
            stock,
            row_of("a", app="x", n="5"),
            row_of("b", app="y", n="12"),
            row_of("c", n="many"),
            row_of("d"),
        )
        for text, expected in (
            ("app=x", "a"),
            ("app==y", "b"),
            ("app!=x", "dcb"),
            ("app in (x,y)", "ba"),
            ("app in (x,y),n=5", "a"),
            ("app notin (x,z)", "dcb"),
            ("app", "ba"),
            ("!app", "dc"),
            ("n>5", "b"),
            ("n<12", "a"),
            ("app=x,app=y", ""),
            ("phase=Pending,!n", "d"),
        ):
            assert "".join(await found(stock, labelled(text))) == expected, text

    async def test_labels_and_times_follow_the_commits(self, stock: Stock) -> None:
        await add(stock, row_of("a", app="x"), row_of("b", created_at=200.0))
        start, end = "1970-01-01T00:10:00Z", "1970-01-01T00:20:00Z"
        await come_to(stock, "team-a", summary_of("Running", start))
        assert await found(stock, labelled("phase=Running,app=x")) == ["a"]
        assert await found(stock, labelled("phase=Pending")) == ["b"]
        assert await found(stock, Filter(started_after=599.0)) == ["a"]
        assert await found(stock, Filter(started_after=600.0)) == []
        assert await found(stock, Filter(started_before=601.0)) == ["b", "a"]
        await come_to(stock, "team-a", summary_of("Failed", start, end), done=True)
        assert await found(stock, labelled("phase in (Failed,Error)")) == ["a"]
        assert await found(stock, Filter(finished_before=1199.0)) == ["b"]
        assert await found(stock, Filter(finished_before=1200.0)) == ["b", "a"]
        assert await found(stock, Filter(created_after=200.0)) == ["b"]

    async def test_a_commit_may_take_away_a_label_that_a_run_came_with(self, stock: Stock) -> None:
        await add(stock, row_of("a", app="x", who="ann"))
        changing = msgspec.json.decode(summary_of("Running"))
        changing["labels"] |= {"who": None, "how": "Stop"}
        await come_to(stock, "team-a", msgspec.json.encode(changing))
        assert await found(stock, labelled("!who,app=x,how=Stop")) == ["a"]

    async def test_pages_lose_and_repeat_nothing_while_others_write(self, stock: Stock) -> None:
        await add(stock, *(row_of(f"w{i:02}", app="x") for i in range(20)))
        seen: list[str] = []
        before = 0
        for turn in range(20):
            listing = await stock.catalogue.page(labelled("app in (x,y)"), Page(3, before))
            seen += names(listing)
            if not listing.more:
                break
            before = listing.items[-1].born
            await add(stock, row_of(f"new{turn}", app="y"))
            await stock.store.delete(listing.items[0].row.run)
        assert seen == [f"w{i:02}" for i in reversed(range(20))]

    async def test_what_remains_is_counted_when_it_is_asked_for(self, stock: Stock) -> None:
        await add(stock, *(row_of(f"w{i}") for i in range(5)))
        listing = await stock.catalogue.page(Filter(), Page(2, 0, counts=True))
        assert (listing.more, listing.remaining) == (True, 3)
        listing = await stock.catalogue.page(Filter(), Page(5, 0, counts=True))
        assert (listing.more, listing.remaining) == (False, 0)

    async def test_what_remains_is_counted_of_what_is_selected(self, stock: Stock) -> None:
        odd = [{"odd": str(i)} if i % 2 else {} for i in range(9)]
        rows = [row_of(f"w{i}", "team", 1.0, app="xyz"[i % 3], **odd[i]) for i in range(9)]
        await add(stock, *rows)
        for text, of in {"app=x": 3, "app in (x,y)": 6, "odd": 4, "!odd": 5, "app!=x": 6}.items():
            wanted = labelled(text)
            whole = await found(stock, wanted)
            assert len(whole) == of, text
            first = await stock.catalogue.page(wanted, Page(2, 0, counts=True))
            assert (names(first), first.remaining) == (whole[:2], of - 2), text
            last = await stock.catalogue.page(wanted, Page(2, first.items[-1].born, counts=True))
            assert (names(last), last.remaining) == (whole[2:4], max(of - 4, 0)), text

    async def test_labels_of_the_archive_are_each_named_once(self, stock: Stock) -> None:
        for name in "abc":
            await add(
                stock, row_of(name, "team", 100.0, app="x" if name < "c" else "y", **{name: name})
            )
            await come_to(stock, f"team-{name}", summary_of("Failed"), done=True)
        await add(stock, row_of("d", app="z", live="only"), row_of("e", "other", far="away"))
        await come_to(stock, "other-e", summary_of("Error"), done=True)
        for item in await stock.catalogue.unarchived(10):
            assert await stock.catalogue.archive(item, {"metadata": {}, "status": {}})
        assert await stock.catalogue.label_names("team") == ["a", "app", "b", "c", "phase"]
        assert await stock.catalogue.label_names("other") == ["far", "phase"]
        assert "far" in await stock.catalogue.label_names(None)
        assert "live" not in await stock.catalogue.label_names(None)
        assert await stock.catalogue.label_values("team", "app") == ["x", "y"]
        assert await stock.catalogue.label_values(None, "phase") == ["Error", "Failed"]
        assert await stock.catalogue.label_values("team", "far") == []
        assert await stock.catalogue.label_values(None, "nothing") == []

    async def test_live_workflows_are_counted_by_label(self, stock: Stock) -> None:
        await add(stock, row_of("a", app="x"), row_of("b", app="x"), row_of("c", app="y"))
        assert await stock.catalogue.counts("app") == {"x": 2, "y": 1}
        assert await stock.catalogue.counts("none") == {}

    async def test_every_change_has_a_number_that_grows(self, stock: Stock) -> None:
        start = await stock.catalogue.number()
        await add(stock, row_of("a"), row_of("b"))
        await come_to(stock, "team-a", summary_of("Running"))
        changes = await stock.catalogue.since(start)
        assert changes is not None
        assert [change.item.row.name for change in changes] == ["b", "a"]
        assert changes[-1].item.version == await stock.catalogue.number()
        assert await stock.catalogue.since(start, most=1) == changes[:1]
        assert await stock.catalogue.since(changes[0].item.version, most=1) == changes[1:]
        assert changes[-1].item.born < changes[0].item.born
        await stock.store.delete(RunId("team-b"))
        changes = await stock.catalogue.since(changes[-1].item.version)
        assert changes is not None
        assert [(change.item.row.name, change.gone) for change in changes] == [("b", True)]
        assert await stock.catalogue.since(changes[0].item.version) == []

    async def test_who_waits_for_a_change_hears_of_it(self, stock: Stock) -> None:
        number = await stock.catalogue.number()
        waiting = asyncio.ensure_future(stock.catalogue.changed(number))
        await asyncio.sleep(0)
        await add(stock, row_of("a"))
        assert await asyncio.wait_for(waiting, 60) == number + 1

    async def test_an_archived_workflow_outlives_the_live_one(self, stock: Stock) -> None:
        await add(stock, row_of("a", app="x"), row_of("b"))
        ended = "1970-01-01T00:20:00Z"
        await come_to(stock, "team-a", summary_of("Succeeded", ended, ended), done=True)
        (item,) = await stock.catalogue.unarchived(10)
        copy: JsonObject = {
            "metadata": {"name": "a", "namespace": "team", "labels": {"app": "x"}},
            "spec": {"arguments": {}, "entrypoint": "main"},
            "status": {"phase": "Succeeded", "finishedAt": ended, "nodes": {"a": {}}},
        }
        assert await stock.catalogue.archive(item, copy)
        assert not await stock.catalogue.unarchived(10)
        assert await found(stock, Filter(place="archived")) == ["a"]
        assert await found(stock, Filter(place="live")) == ["b", "a"]
        await stock.store.delete(item.row.run)
        assert await found(stock, Filter()) == ["b", "a"]
        assert await found(stock, labelled("app=x")) == ["a"]
        kept = await stock.catalogue.listed(item.row.run)
        assert (kept.live, kept.archived, kept.row.name) == (False, True, "a")
        assert b"nodes" not in kept.row.document + kept.row.summary
        assert await stock.catalogue.archived(item.row.run) == copy
        assert "app" in await stock.catalogue.label_names("team")
        assert await stock.catalogue.label_values(None, "app") == ["x"]
        assert await stock.catalogue.label_names("elsewhere") == []
        await stock.catalogue.forget_archived(item.row.run)
        assert await found(stock, Filter()) == ["b"]
        for question in (
            stock.catalogue.archived(item.row.run),
            stock.catalogue.listed(item.row.run),
        ):
            with pytest.raises(NotFound):
                await question

    async def test_a_workflow_that_changed_meanwhile_is_not_archived(self, stock: Stock) -> None:
        await add(stock, row_of("a"))
        await come_to(stock, "team-a", summary_of("Failed"), done=True)
        (item,) = await stock.catalogue.unarchived(10)
        await come_to(stock, "team-a", summary_of("Running"))
        assert not await stock.catalogue.archive(item, {"metadata": {}, "status": {}})
        assert not await stock.catalogue.unarchived(10)

    async def test_what_goes_on_after_its_end_is_archived_again(self, stock: Stock) -> None:
        await add(stock, row_of("a"))
        for phase in ("Failed", "Succeeded"):
            await come_to(stock, "team-a", summary_of(phase), done=True)
            (item,) = await stock.catalogue.unarchived(10)
            document: JsonObject = {"metadata": {}, "status": {"phase": phase}}
            assert await stock.catalogue.archive(item, document)
            await come_to(stock, "team-a", summary_of("Running"))
        assert not await stock.catalogue.unarchived(10)

    async def test_a_deleted_workflow_that_is_archived_comes_back_to_be_retried(
        self, stock: Stock
    ) -> None:
        row = await retire(stock)
        with pytest.raises(NotFound):
            await stock.store.find("team", "a")
        assert list(await stock.store.claimable()) == []
        assert await stock.store.retired(row.run) == row
        known = await stock.store.load(row.run)
        assert known == (b"state", [first_of(row.run)], 2)
        assert await stock.store.nodes(row.run) == [b'{"id":"a"}']
        await add(stock, row_of("b"))
        number = await stock.catalogue.number()
        asked = await stock.store.reopen(row.run, RetryRequested(at=5.0), summary_of(""))
        back = await stock.store.find("team", "a")
        assert (back.done, back.document, back.extras) == (False, row.document, b'{"big":1}')
        assert {item.run for item in await stock.store.claimable()} == {"team-a", "team-b"}
        assert await stock.store.load(row.run) == known
        assert await stock.store.pending(row.run, 0) == [(asked, RetryRequested(at=5.0))]
        changes = await stock.catalogue.since(number)
        assert changes is not None
        assert [(one.item.row.name, one.gone) for one in changes] == [("a", False)]
        assert await found(stock, labelled("app=x")) == ["a"]
        assert await found(stock, Filter(place="live")) == ["a", "b"]
        epoch = await stock.store.claim(row.run, stock.owner)
        assert epoch == row.epoch + 1
        with pytest.raises(NotFound):
            await stock.store.retired(row.run)

    async def test_what_came_back_is_archived_and_retired_again(self, stock: Stock) -> None:
        row = await retire(stock)
        await stock.store.reopen(row.run, RetryRequested(at=5.0), summary_of(""))
        await come_to(stock, row.run, summary_of("Succeeded"), done=True)
        (item,) = await stock.catalogue.unarchived(10)
        document: JsonObject = {"metadata": {"name": "a", "namespace": "team"}, "status": {"n": 2}}
        assert await stock.catalogue.archive(item, document)
        await stock.store.delete(row.run)
        assert (await stock.store.retired(row.run)).summary == summary_of("Succeeded")
        assert await stock.catalogue.archived(row.run) == document

    async def test_nobody_comes_back_under_a_name_that_is_taken(self, stock: Stock) -> None:
        row = await retire(stock)
        other = replace(row_of("a"), run=RunId("another"))
        await stock.store.create(other, first_of(other.run))
        with pytest.raises(Conflict, match='"a" already exists'):
            await stock.store.reopen(row.run, RetryRequested(at=5.0), b"{}")
        assert await stock.store.retired(row.run) == row
        assert (await stock.store.find("team", "a")).run == "another"

    async def test_a_run_that_only_the_archive_knows_is_adopted_once(self, stock: Stock) -> None:
        row = replace(row_of("a", created_at=7.0), done=True, extras=b'{"big":1}')
        events: list[Event] = [first_of(row.run), RunStarted(at=1.0), RunStarted(at=2.0)]
        for given in (events, events[:1]):
            await stock.store.adopt(row, given, [(NodeId("a"), b'{"id":"a"}')])
        assert await stock.store.retired(row.run) == row
        assert await stock.store.load(row.run) == (None, events, 3)
        assert await stock.store.nodes(row.run) == [b'{"id":"a"}']
        with pytest.raises(NotFound):
            await stock.store.find("team", "a")
        await add(stock, row_of("b"))
        await stock.store.adopt(row_of("b"), events, [])
        assert (await stock.store.load(RunId("team-b")))[2] == 1
        with pytest.raises(NotFound):
            await stock.store.retired(RunId("team-b"))

    async def test_what_the_archive_forgets_cannot_come_back(self, stock: Stock) -> None:
        row = await retire(stock)
        await stock.catalogue.forget_archived(row.run)
        for question in (
            stock.store.retired(row.run),
            stock.store.load(row.run),
            stock.store.history(row.run),
        ):
            with pytest.raises(NotFound):
                await question
        assert await stock.store.nodes(row.run) == []

    async def test_what_is_not_archived_or_no_more_is_deleted_for_good(self, stock: Stock) -> None:
        await add(stock, row_of("a"), row_of("b"))
        for run in (RunId("team-a"), RunId("team-b")):
            await come_to(stock, run, summary_of("Failed"), done=True)
        item = await stock.catalogue.listed(RunId("team-b"))
        assert await stock.catalogue.archive(item, {"metadata": {}, "status": {}})
        await stock.catalogue.forget_archived(item.row.run)
        for run in (RunId("team-a"), RunId("team-b")):
            await stock.store.delete(run)
            with pytest.raises(NotFound):
                await stock.store.retired(run)
            assert await found(stock, Filter(place="live")) in (["b"], [])
