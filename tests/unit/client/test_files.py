"""What a client asks about artifacts and the archive: paths, pieces, pages, a server that lies."""

from __future__ import annotations

import io
import json

import pytest
from tests.unit.client.test_client import Answers, client, server  # noqa: F401 - fixtures

from tiphys.cli.remote.artifacts import _shelf
from tiphys.cli.remote.connecting import Remote
from tiphys.client.archive import Archive
from tiphys.client.workflows import Workflows
from tiphys.errors import NotFound, Permanent, Transient


def test_an_artifact_comes_whole_from_where_argo_has_it(server, client):  # noqa: F811
    workflows, sink = Workflows(client, "team"), io.BytesIO()
    server.line = [(200, b"x" * 3_000_000), (200, b""), (404, b'{"message": "no such"}')]
    workflows.download("w", "outputs", "w-1", "a", sink)
    assert sink.getvalue() == b"x" * 3_000_000
    workflows.download("w", "inputs", "w-1", "a b", sink)
    assert [path for _, path, _, _ in server.asked] == [
        "/argo/artifacts/team/w/w-1/a",
        "/argo/input-artifacts/team/w/w-1/a%20b",
    ]
    with pytest.raises(NotFound, match=r"^no such$"):
        workflows.download("w", "outputs", "w-1", "b", sink)


def test_what_breaks_off_is_no_artifact(server, client, monkeypatch):  # noqa: F811
    def cut_short(self):
        self.send_response(200)
        self.send_header("content-length", "10")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    monkeypatch.setattr(Answers, "do_GET", cut_short)
    with pytest.raises(Transient, match="6 bytes are missing"):
        Workflows(client, "team").download("w", "outputs", "n", "a", io.BytesIO())


@pytest.mark.parametrize(
    ("node", "artifact", "template"),
    [("../x", "a", "t"), ("n", "../../a", "t"), ("n", "..", "t"), ("n", "a", "/etc")],
)
def test_names_of_a_server_lead_nowhere_else(server, client, node, artifact, template):  # noqa: F811
    made = {"id": node, "templateName": template, "outputs": {"artifacts": [{"name": artifact}]}}
    document = {"metadata": {"name": "w"}, "status": {"nodes": {"n": made}}}
    server.line = [(200, json.dumps(document).encode())]
    with pytest.raises(Permanent, match="a name that is none"):
        _shelf(Remote(client, "team", False), "w", False)


def test_a_key_that_names_a_place_above_is_not_followed(server, client):  # noqa: F811
    artifact = {"name": "a", "s3": {"key": "x/.."}}
    made = {"id": "n", "templateName": "t", "outputs": {"artifacts": [artifact]}}
    document = {"metadata": {"name": "w"}, "status": {"nodes": {"n": made}}}
    server.line = [(200, json.dumps(document).encode())]
    (found,) = _shelf(Remote(client, "team", False), "w", False).outputs
    assert found.place("team", "w") == "team/w/n/outputs/a/a"


def test_the_archive_is_asked_page_by_page(server, client):  # noqa: F811
    page = {"metadata": {"continue": "7"}, "items": [{"metadata": {"name": "a"}}]}
    last = {"metadata": {}, "items": [{"metadata": {"name": "b"}}]}
    server.line = [(200, json.dumps(page).encode()), (200, json.dumps(last).encode())]
    found = Archive(client, "team").list("app=x", chunk=1)
    assert [item["metadata"]["name"] for item in found] == ["a", "b"]
    paths = [path for _, path, _, _ in server.asked]
    start = "/argo/api/v1/archived-workflows?namespace=team&listOptions.labelSelector=app%3Dx"
    assert paths == [
        f"{start}&listOptions.limit=1",
        f"{start}&listOptions.limit=1&listOptions.continue=7",
    ]


def test_the_archive_is_told_what_argo_wants_to_know(server, client):  # noqa: F811
    kept = Archive(client, "team")
    server.line = [(200, b"{}"), (200, b'{"items": ["x"]}'), (200, b"{}"), (200, b"{}")]
    kept.act("u-1", "retry", {"parameters": ["a=b"]})
    method, path, body, _ = server.asked[0]
    assert (method, path) == ("PUT", "/argo/api/v1/archived-workflows/u-1/retry")
    assert json.loads(body) == {"uid": "u-1", "namespace": "team", "parameters": ["a=b"]}
    assert kept.label_values("app") == ["x"]
    assert server.asked[1][1].endswith("-label-values?listOptions.labelSelector=app")
    assert kept.label_keys() == []
    kept.delete("u-1")
    assert server.asked[3][:2] == ("DELETE", "/argo/api/v1/archived-workflows/u-1")
