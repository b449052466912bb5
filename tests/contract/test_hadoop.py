"""The contract of the drivers that reach HDFS (hdfs, and http by its URLs), with Hadoop itself."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from tests.contract.hadoop import Front, data_port, hdfs, rpc_address

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.hdfs import HdfsDriver
from tiphys.artifacts.http import HttpDriver
from tiphys.errors import Permanent, Transient
from tiphys.model.artifacts import Artifact, HDFSArtifact, HTTPArtifact
from tiphys.ports import Stored
from tiphys.testing.driver_contract import (
    LARGE_BYTES,
    DriverContract,
    NetworkContract,
    Shelf,
    a_file,
    listed,
    noise,
    read,
)
from tiphys.testing.proxy import Fault, Proxy

pytestmark = pytest.mark.anyio
IMPATIENT = 1.0
PATIENT = 120.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with hdfs(tmp_path_factory.mktemp("hadoop")) as found:
        yield found


def make(port, user, seconds=PATIENT, **more):
    def at(key):
        place = {"addresses": (f"127.0.0.1:{port}",), "hdfs_user": user, "force": True, **more}
        return Artifact(name="a", hdfs=HDFSArtifact(path=f"/{key.rstrip('/')}", **place))

    driver = HdfsDriver(Credentials(lambda *_: b""), read_seconds=seconds, trust_env=False)
    return Shelf(driver, at, folders=False)


class TestHadoop(DriverContract, NetworkContract):
    """The proxy of the network's contract stands before the data node: the bytes go there."""

    @pytest.fixture
    def shelf(self, cluster):
        return make(cluster.port, cluster.user)

    @pytest.fixture
    async def server_port(self, cluster):
        return await data_port(cluster)

    @pytest.fixture
    async def through(self, cluster):
        async with Front(cluster.port).running() as front:

            def at_port(port):
                front.data_port = port
                return make(front.port, cluster.user, IMPATIENT)

            yield at_port

    async def test_a_server_that_is_not_there_is_transient(
        self, cluster, shelf, through, server_port, tmp_path
    ):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("wf/there"))
        async with Proxy(server_port) as proxy:
            gone = proxy.port
        for unreachable in (make(gone, cluster.user), through(gone)):  # name node, data node
            with pytest.raises(Transient):
                await unreachable.driver.get(unreachable.at("wf/there"), tmp_path / "back")

    @pytest.mark.parametrize("force", [True, None])
    async def test_half_an_upload_is_not_seen_and_may_be_tried_again(
        self, cluster, shelf, server_port, tmp_path, force
    ):
        folder = f"half/{force}"
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at(f"{folder}/other"))
        source = a_file(tmp_path, noise(LARGE_BYTES))
        async with Front(cluster.port).running() as front, Proxy(server_port) as proxy:
            broken = make(front.port, cluster.user, force=force)
            front.data_port = proxy.port
            proxy.fault = Fault(request_bytes=1 << 20)
            with pytest.raises(Transient):
                await broken.driver.put(source, broken.at(f"{folder}/x"))
            assert await listed(shelf, folder) == [(f"{folder}/other", 1)]
            proxy.fault = None
            await broken.driver.put(source, broken.at(f"{folder}/x"))
        assert await listed(shelf, folder) == [(f"{folder}/other", 1), (f"{folder}/x", LARGE_BYTES)]

    async def test_without_force_what_is_there_stays(self, cluster, shelf, tmp_path):
        careful = make(cluster.port, cluster.user, force=None)
        await careful.driver.put(a_file(tmp_path, b"1"), careful.at("careful/x"))
        with pytest.raises(Permanent, match="FileAlreadyExistsException"):
            await careful.driver.put(a_file(tmp_path, b"2"), careful.at("careful/x"))
        assert await read(shelf, "careful/x") == b"1"

    async def test_of_two_uploads_at_once_without_force_one_is_stored_whole(
        self, cluster, shelf, tmp_path
    ):
        careful = make(cluster.port, cluster.user, force=None)
        both = [a_file(tmp_path, noise(size), f"{size}") for size in (100_000, 200_000)]
        ends = await asyncio.gather(
            *(careful.driver.put(source, careful.at("race/x")) for source in both),
            return_exceptions=True,
        )
        kinds = sorted(type(end).__name__ for end in ends)
        assert kinds == ["Permanent", "Stored"]
        stored = next(end for end in ends if isinstance(end, Stored))
        assert await listed(shelf, "race") == [("race/x", stored.size_bytes)]

    async def test_a_directory_in_the_way_is_permanent_and_stays(self, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("way/d/x"))
        with pytest.raises(Permanent, match="/way/d already exists as a directory"):
            await shelf.driver.put(a_file(tmp_path, b"2"), shelf.at("way/d"))
        assert await listed(shelf, "way") == [("way/d/x", 1)]

    async def test_who_may_not_write_is_told_so(self, cluster, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("mine/x"))
        stranger = make(cluster.port, "stranger")
        assert await read(stranger, "mine/x") == b"1"
        for wrong in (
            stranger.driver.put(a_file(tmp_path, b"2"), stranger.at("mine/y")),
            stranger.driver.delete(stranger.at("mine/x")),
        ):
            with pytest.raises(Permanent, match="AccessControlException: Permission denied"):
                await wrong
        assert await read(shelf, "mine/x") == b"1"

    async def test_a_cluster_in_safe_mode_is_transient(self, cluster, shelf, tmp_path):
        address = await rpc_address(cluster)
        await asyncio.to_thread(cluster.admin, address, "-safemode", "enter")
        try:
            with pytest.raises(Transient, match="SafeModeException"):
                await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("safe/x"))
        finally:
            await asyncio.to_thread(cluster.admin, address, "-safemode", "leave")
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("safe/x"))
        assert await read(shelf, "safe/x") == b"1"


class _ByUrls:
    """The http driver as workflows use it for WebHDFS: with one URL to load, another to store."""

    def __init__(self, cluster, seconds, port=0):
        self.driver = HttpDriver(Credentials(lambda *_: b""), read_seconds=seconds, trust_env=False)
        self.root = f"http://127.0.0.1:{port or cluster.port}/webhdfs/v1"
        self.user = cluster.user

    def at(self, key):
        return Artifact(name="a", http=HTTPArtifact(url=f"{self.root}/by-url/{quote(key)}"))

    def asked(self, where, query):
        url = f"{where.http.url}?{query}&user.name={self.user}"
        return Artifact(name="a", http=HTTPArtifact(url=url))

    async def get(self, where, to):
        await self.driver.get(self.asked(where, "op=OPEN"), to)

    def open(self, where):
        return self.driver.open(self.asked(where, "op=OPEN"))

    async def put(self, source, where, query="op=CREATE&overwrite=true"):
        return await self.driver.put(source, self.asked(where, query))

    def list(self, where):
        return self.driver.list(where)

    async def delete(self, where):
        await self.driver.delete(where)


class TestHttpArtifacts(DriverContract):
    """`http` artifacts with URLs of WebHDFS; of its errors they see the status alone."""

    def make(self, cluster, seconds=PATIENT, port=0):
        driver = _ByUrls(cluster, seconds, port)
        return Shelf(driver, driver.at, folders=False, lists=False, deletes=False)

    @pytest.fixture
    def shelf(self, cluster):
        return self.make(cluster)

    async def test_without_overwrite_what_is_there_stays(self, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("once"), "op=CREATE")
        with pytest.raises(Permanent, match="failed with reason: 403 Forbidden"):
            await shelf.driver.put(a_file(tmp_path, b"2"), shelf.at("once"), "op=CREATE")
        assert await read(shelf, "once") == b"1"

    async def test_a_data_node_that_breaks_off_is_transient(self, cluster, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, noise(LARGE_BYTES)), shelf.at("cut"))
        port = await data_port(cluster)
        async with Front(cluster.port).running() as front, Proxy(port) as proxy:
            broken = self.make(cluster, IMPATIENT, front.port)
            front.data_port = proxy.port
            proxy.fault = Fault(answer_bytes=LARGE_BYTES // 2)
            with pytest.raises(Transient):
                await broken.driver.get(broken.at("cut"), tmp_path / "back")
            proxy.fault = Fault(request_bytes=1 << 20)
            with pytest.raises(Transient):
                await broken.driver.put(tmp_path / "source", broken.at("half"))
