"""The contract of the drivers whose stores are served, or are, here."""

from __future__ import annotations

import base64

import pytest
from tests.contract.plugin_server import serve_plugin
from tests.contract.web_servers import FileServer, TokenServer, WebHdfs

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.hdfs import HdfsDriver
from tiphys.artifacts.http import HttpDriver
from tiphys.artifacts.local import LocalDriver
from tiphys.artifacts.plugin import PluginDriver
from tiphys.artifacts.registry import Drivers
from tiphys.errors import NotFound, Permanent, Transient, UserError
from tiphys.model.artifacts import (
    Artifact,
    ArtifactoryArtifact,
    BasicAuth,
    HDFSArtifact,
    Header,
    HTTPArtifact,
    HTTPAuth,
    LocalArtifact,
    OAuth2Auth,
    OAuth2EndpointParam,
    PluginArtifact,
)
from tiphys.model.meta import SecretKeySelector
from tiphys.testing.driver_contract import (
    DriverContract,
    NetworkContract,
    Shelf,
    a_file,
    a_folder,
    as_it_is,
    read,
)

pytestmark = pytest.mark.anyio
IMPATIENT = 1.0
PASSWORD = "pass word/ü"


def credentials():
    known = {"user": "me", "password": PASSWORD, "client": "id", "secret": "client-secret"}

    def read_secret(namespace, name, key):
        if key.startswith("http"):
            return key.encode()
        return known[key].encode()

    return Credentials(read_secret)


def basic(user, password):
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def secret(key):
    return SecretKeySelector(name="cred", key=key)


class TestLocal(DriverContract):
    @pytest.fixture
    def shelf(self, tmp_path):
        driver = LocalDriver(tmp_path / "repository")
        return Shelf(driver, lambda key: Artifact(name="a", local=LocalArtifact(key=key)))


class TestHttp(DriverContract, NetworkContract):
    @pytest.fixture
    async def server(self):
        async with FileServer(basic("me", PASSWORD)) as found:
            yield found

    @pytest.fixture
    def server_port(self, server):
        return server.port

    @pytest.fixture
    def shelf(self, server):
        return self.make(server.port)

    @pytest.fixture
    def through(self):
        return lambda port: self.make(port, IMPATIENT)

    def make(self, port, seconds=30.0, **more):
        basic = BasicAuth(username_secret=secret("user"), password_secret=secret("password"))

        def at(key):
            url = f"http://127.0.0.1:{port}/{key}"
            place = {"auth": HTTPAuth(basic_auth=basic), **more}
            return Artifact(name="a", http=HTTPArtifact(url=url, **place))

        driver = HttpDriver(credentials(), read_seconds=seconds, trust_env=False)
        return Shelf(driver, at, folders=False, lists=False, deletes=False, odd_names=False)

    async def test_a_wrong_password_is_permanent_in_argos_words(self, server, tmp_path):
        wrong = self.make(server.port, auth=None)
        with pytest.raises(Permanent, match=r"loading content from .* failed with reason: 401 Un"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")
        with pytest.raises(Permanent, match=r"saving file .* failed with reason: 401 Unauthorized"):
            await wrong.driver.put(a_file(tmp_path, b"1"), wrong.at("x"))

    async def test_headers_are_sent(self, server, shelf, tmp_path):
        given = self.make(server.port, headers=(Header(name="X-Mine", value="yes"),))
        await given.driver.put(a_file(tmp_path, b"1"), given.at("x"))
        await given.driver.get(given.at("x"), tmp_path / "y")
        assert [headers["X-Mine"] for headers in server.headers] == ["yes", "yes"]

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_reading_follows_redirects_and_tells_strangers_no_password(
        self, server, shelf, tmp_path, status
    ):
        async with FileServer() as other:
            other.files["/x"] = b"there"
            server.elsewhere = f"http://127.0.0.1:{other.port}"
            assert await read(shelf, f"moved/{status}/x") == b"there"
            assert "Authorization" not in other.headers[0]

    @pytest.mark.parametrize("status", [307, 308])
    async def test_writing_sends_the_file_again_where_it_is_sent_to(
        self, server, shelf, tmp_path, status
    ):
        async with FileServer() as other:
            server.elsewhere = f"http://127.0.0.1:{other.port}"
            await shelf.driver.put(a_file(tmp_path, b"whole"), shelf.at(f"moved/{status}/x"))
            assert other.files == {"/x": b"whole"}
            assert "Authorization" not in other.headers[0]

    async def test_a_redirect_that_would_store_nothing_is_no_success(self, shelf, tmp_path):
        with pytest.raises(Permanent, match="failed with reason: 302"):
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("moved/302/x"))

    @pytest.mark.parametrize(
        ("status", "error"),
        [(500, Transient), (503, Transient), (403, Permanent), (429, Transient), (404, NotFound)],
    )
    async def test_what_a_status_means(self, shelf, tmp_path, status, error):
        with pytest.raises(error, match=f"failed with reason: {status}"):
            await shelf.driver.get(shelf.at(f"status/{status}"), tmp_path / "y")

    async def test_a_token_is_had_for_client_credentials(self, tmp_path):
        async with TokenServer() as server:
            flow = OAuth2Auth(
                client_id_secret=secret("client"),
                client_secret_secret=secret("secret"),
                token_url_secret=secret(f"http://127.0.0.1:{server.port}/token"),
                scopes=("a", "b"),
                endpoint_params=(OAuth2EndpointParam(key="audience", value="x"),),
            )
            shelf = self.make(server.port, auth=HTTPAuth(oauth2=flow))
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("x"))
            assert await read(shelf, "x") == b"1"
            assert server.form == {
                **{"grant_type": "client_credentials", "scope": "a b", "audience": "x"}
            }
            assert server.client == basic("id", "client-secret")

    async def test_a_url_of_another_kind_is_refused(self, shelf, tmp_path):
        wrong = Artifact(name="a", http=HTTPArtifact(url="file:///etc/passwd"))
        with pytest.raises(UserError, match="not an http or https URL"):
            await shelf.driver.get(wrong, tmp_path / "y")

    async def test_artifactory_is_asked_with_user_and_password(self, server, shelf, tmp_path):
        where = Artifact(
            name="a",
            artifactory=ArtifactoryArtifact(
                url=f"http://127.0.0.1:{server.port}/repo/x",
                username_secret=secret("user"),
                password_secret=secret("password"),
            ),
        )
        await shelf.driver.put(a_file(tmp_path, b"1"), where)
        assert server.files == {"/repo/x": b"1"}

    async def test_no_error_shows_a_secret(self, server, tmp_path):
        drivers = Drivers({"http": {"trust_env": False}}, credentials())
        shelf = self.make(server.port)
        where = shelf.at(f"status/403/{base64.b64encode(PASSWORD.encode()).decode()}")
        with pytest.raises(Permanent) as caught:
            await drivers(where).get(where, tmp_path / "y")
        assert str(caught.value).endswith("/status/403/*** failed with reason: 403 Forbidden")
        assert caught.value.__cause__ is None


class TestHdfs(DriverContract, NetworkContract):
    @pytest.fixture
    async def server(self):
        async with WebHdfs() as found:
            yield found

    @pytest.fixture
    def server_port(self, server):
        return server.port

    @pytest.fixture
    def shelf(self, server):
        return self.make(server.port)

    @pytest.fixture
    def through(self):
        return lambda port: self.make(port, IMPATIENT)

    def make(self, port, seconds=30.0, **more):
        def at(key):
            place = {"addresses": (f"127.0.0.1:{port}",), "hdfs_user": "me", "force": True, **more}
            return Artifact(name="a", hdfs=HDFSArtifact(path=f"/{key.rstrip('/')}", **place))

        driver = HdfsDriver(credentials(), read_seconds=seconds, trust_env=False)
        return Shelf(driver, at, folders=False)

    async def test_entries_of_a_listing_are_absolute(self, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("wf/x"))
        assert [entry.key async for entry in shelf.driver.list(shelf.at("wf"))] == ["/wf/x"]

    async def test_the_name_node_that_serves_is_found(self, server, tmp_path):
        async with WebHdfs(standby=True) as sleeping:
            names = tuple(f"127.0.0.1:{port}" for port in (sleeping.port, server.port))
            shelf = self.make(server.port, addresses=names)
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("x"))
            assert await read(shelf, "x") == b"1"
        assert server.users == {"", "me"}

    async def test_without_force_what_is_there_stays(self, server, tmp_path):
        shelf = self.make(server.port, force=None)
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("x"))
        with pytest.raises(Permanent, match="FileAlreadyExistsException"):
            await shelf.driver.put(a_file(tmp_path, b"2"), shelf.at("x"))

    @pytest.mark.parametrize("options", [True, False])
    async def test_a_gateway_without_strict_renames_does_as_well(self, tmp_path, options):
        async with WebHdfs(options=options) as server:
            careful, forceful = (self.make(server.port, force=force) for force in (None, True))
            await careful.driver.put(a_file(tmp_path, b"1"), careful.at("x"))
            with pytest.raises(Permanent, match="FileAlreadyExistsException"):
                await careful.driver.put(a_file(tmp_path, b"2"), careful.at("x"))
            await forceful.driver.put(a_file(tmp_path, b"3"), forceful.at("x"))
            assert server.files == {"/x": b"3"}

    async def test_what_a_data_node_refuses_is_told_and_leaves_nothing(
        self, server, shelf, tmp_path
    ):
        server.is_full = True
        with pytest.raises(Permanent, match="DSQuotaExceededException: The DiskSpace quota"):
            await shelf.driver.put(a_file(tmp_path, b"12"), shelf.at("wf/x"))
        assert server.files == {}

    async def test_what_is_still_being_written_is_not_listed(self, server, shelf):
        server.files |= {"/wf/x": b"1", "/wf/.0123._COPYING_": b"half"}
        assert [entry.key async for entry in shelf.driver.list(shelf.at("wf"))] == ["/wf/x"]

    async def test_directories_are_refused_in_argos_words(self, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("d/x"))
        with pytest.raises(Permanent, match="HDFS artifact does not suppot directory copy"):
            await shelf.driver.get(shelf.at("d"), tmp_path / "y")
        with pytest.raises(Permanent, match="HDFS artifact does not suppot directory copy"):
            await shelf.driver.put(a_folder(tmp_path), shelf.at("e"))

    async def test_kerberos_is_refused_by_name(self, server, tmp_path):
        wrong = self.make(server.port, krb_keytab_secret=secret("keytab"))
        with pytest.raises(UserError, match=r"hdfs\.krbKeytabSecret: not supported"):
            await wrong.driver.get(wrong.at("x"), tmp_path / "y")


class TestPlugin(DriverContract):
    @pytest.fixture
    async def shelf(self, tmp_path):
        driver = PluginDriver(credentials(), names={"mine": 5}, sockets=tmp_path / "sockets")

        def at(key):
            plugin = PluginArtifact(name="mine", configuration="conf", key=key)
            return Artifact(name="a", path="/p", mode=0o644, optional=True, plugin=plugin)

        async with serve_plugin(tmp_path / "sockets/mine/socket", tmp_path / "kept") as seen:
            shelf = Shelf(driver, at, tells_sizes=False)
            self.seen = seen
            yield shelf

    # Argo's plugins tell no missing artifact from another failure.
    async def test_what_is_not_there_is_not_found(self, shelf, tmp_path):
        with pytest.raises(Permanent, match="plugin mine load failed: no such file"):
            await shelf.driver.get(shelf.at("none"), tmp_path / "x")
        with pytest.raises(Permanent, match="plugin mine open stream failed: no such file"):
            await read(shelf, "none")

    async def test_deleting_takes_one_artifact_and_leaves_the_others(self, shelf, tmp_path):
        for key in ("x", "y"):
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at(key))
        await shelf.driver.delete(shelf.at("x"))
        with pytest.raises(Permanent):
            await read(shelf, "x")
        assert await read(shelf, "y") == b"1"

    async def test_a_directory_is_deleted_by_its_key_and_a_slash(self, shelf, tmp_path):
        await shelf.driver.put(a_folder(tmp_path), shelf.at("d"))
        await shelf.driver.delete(shelf.at("d/"))
        with pytest.raises(Permanent):
            await read(shelf, "d/x")

    async def test_a_directory_stored_as_it_is_is_deleted_by_its_key(self, shelf, tmp_path):
        await shelf.driver.put(a_folder(tmp_path), shelf.at("d"))
        await shelf.driver.delete(as_it_is(shelf.at("d")))
        with pytest.raises(Permanent):
            await read(shelf, "d/x")

    async def test_a_file_stored_as_it_is_is_deleted_by_its_key(self, shelf, tmp_path):
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("f"))
        await shelf.driver.delete(as_it_is(shelf.at("f")))
        with pytest.raises(Permanent):
            await read(shelf, "f")

    async def test_a_plugin_that_is_not_configured_is_named(self, shelf, tmp_path):
        other = Artifact(name="a", plugin=PluginArtifact(name="other", key="k"))
        with pytest.raises(UserError, match="artifact driver other not found"):
            await shelf.driver.get(other, tmp_path / "x")


async def test_a_plugin_that_never_listens_is_given_up_in_argos_words(tmp_path):
    driver = PluginDriver(
        credentials(), names={"p": 1}, sockets=tmp_path, socket_seconds=0.01, poll_seconds=0.001
    )
    where = Artifact(name="a", plugin=PluginArtifact(name="p", configuration="c", key="k"))
    with pytest.raises(Transient, match=r'expected unix socket at ".*/p/socket" but it does not'):
        await driver.get(where, tmp_path / "x")


async def test_a_socket_nobody_listens_on_is_given_up_in_argos_words(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p/socket").touch()
    driver = PluginDriver(credentials(), names={"p": 1}, sockets=tmp_path)
    where = Artifact(name="a", plugin=PluginArtifact(name="p", configuration="c", key="k"))
    with pytest.raises(Transient, match="timeout waiting for plugin p connection to become ready"):
        await driver.get(where, tmp_path / "x")
