"""The files by which pods know each other: who is in them, and how they change while mounted."""

from __future__ import annotations

import os

import pytest

from tiphys.executor.layout import Layout
from tiphys.messages import JobSpec
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template
from tiphys.runtime.entry import Entry
from tiphys.runtime.names import PLAIN, Names, is_named, loopback_of


def job(hostname, subdomain="gang", namespace="work", attempt=0) -> JobSpec:
    return JobSpec(
        id=NodeId(f"{hostname}-{attempt}"),
        run=RunId("r"),
        workflow="wf",
        namespace=namespace,
        node_name="n",
        pod_name="p",
        template=Template(name="t"),
        key_prefix="k",
        hostname=hostname,
        subdomain=subdomain,
    )


@pytest.fixture
def pod(tmp_path):
    def make(*words, **more):
        spec = job(*words, **more)
        folder = tmp_path / spec.id
        folder.mkdir(exist_ok=True)
        return Entry(spec, str(folder), Layout(str(folder)))

    return make


def known(entry) -> dict[str, str]:
    """Return the address of each name that a pod's file has, the first as for a look-up."""
    with open(f"{entry.directory}/hosts", encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {name: words[0] for words in reversed(lines) for name in words[1:]}


def test_a_pod_knows_those_of_its_subdomain_and_its_own_short_name(pod):
    names = Names(PLAIN)
    first, second, third = pod("a"), pod("b"), pod("c", "other")
    for entry, address in ((first, "10.0.0.1"), (second, "10.0.0.2"), (third, "10.0.0.3")):
        names.add(entry, address)
    assert known(first)["b.gang"] == known(first)["b.gang.work.svc.cluster.local"] == "10.0.0.2"
    assert known(first)["a"] == "10.0.0.1"
    assert known(first)["gang"] == "10.0.0.1"
    assert not {"b", "c.other", "c.gang"} & set(known(first))
    assert "a.gang" not in known(third)


def test_a_file_changes_in_place_and_is_whole_at_any_length(pod):
    names = Names(PLAIN)
    first, second = pod("a"), pod("b")
    names.add(first, "10.0.0.1")
    alone, inode = known(first), os.stat(f"{first.directory}/hosts").st_ino
    names.add(second, "")
    assert known(first) == alone
    names.learn(second, "10.0.0.2")
    assert known(first)["b.gang"] == "10.0.0.2"
    names.remove(second)
    assert known(first) == alone
    assert os.stat(f"{first.directory}/hosts").st_ino == inode
    assert os.path.getsize(f"{first.directory}/hosts") < 700


def test_the_next_attempt_keeps_the_name_when_the_last_one_goes(pod):
    names = Names(PLAIN)
    watcher, old, new = pod("w"), pod("a"), pod("a", attempt=1)
    for entry, address in ((watcher, "10.0.0.9"), (old, "10.0.0.1"), (new, "10.0.0.2")):
        names.add(entry, address)
    names.remove(old)
    assert known(watcher)["a.gang"] == "10.0.0.2"


def test_what_an_earlier_engine_has_written_stays_until_more_is_known(pod):
    first, second = pod("a"), pod("b")
    earlier = Names(PLAIN)
    earlier.add(first, "10.0.0.1")
    earlier.add(second, "10.0.0.2")
    later = Names(PLAIN)
    later.add(first, "10.0.0.1")
    assert known(first)["b.gang"] == "10.0.0.2"


@pytest.mark.parametrize(
    "words",
    [("", "gang"), ("a", ""), ("a\n10.0.0.1 bank", "gang"), ("a", "gang other"), ("A", "g")],
)
def test_only_proper_names_are_names(pod, words):
    assert not is_named(job(*words))
    names = Names(PLAIN)
    entry = pod("a")
    entry.spec = job(*words)
    names.add(entry, "10.0.0.1")
    names.remove(entry)
    assert not os.path.exists(f"{entry.directory}/hosts")


def test_loopback_addresses_differ_and_stay():
    found = {loopback_of(job(f"w-{i}", s, n)) for i in range(20) for s in "ab" for n in "xy"}
    assert len(found) == 80
    assert all(address.startswith("127.") and address != "127.0.0.1" for address in found)
    assert loopback_of(job("a")) == loopback_of(job("a", attempt=3))
