"""Artifacts for browsers. Source: reference/rest-api.md 16."""

from __future__ import annotations

import pytest
from tests.unit.api.driver import NAMESPACE, Client, served

from tiphys.runtime import sandbox
from tiphys.settings import Settings

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"
SCRIPT = """
mkdir -p out/sub/deeper "out/<img src=x onerror=alert(1)>"
echo '<script>alert(1)</script>' > out/page.html
echo a > out/sub/a.txt
echo b > out/sub/deeper/b.txt
echo c > "out/<img src=x onerror=alert(1)>/c.txt"
echo text > plain.weird
"""
WORKFLOW = {
    "metadata": {"name": "files"},
    "spec": {
        "entrypoint": "main",
        "templates": [
            {
                "name": "main",
                "container": {
                    "image": "busybox",
                    "command": ["sh", "-c"],
                    "args": [SCRIPT],
                    "workingDir": "/tmp",
                },
                "outputs": {
                    "artifacts": [
                        {"name": "dir", "path": "/tmp/out", "archive": {"none": {}}},
                        {"name": "one", "path": "/tmp/plain.weird", "archive": {"none": {}}},
                        {"name": "tar", "path": "/tmp/out"},
                    ]
                },
            }
        ],
    },
}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def place(tmp_path_factory):
    if (why := sandbox.available()) is not None:
        pytest.skip(why)
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, runtime="sandbox")
    async with served(home, drives=True, settings=settings) as place:
        answer = await place.client.post(BASE, {"workflow": WORKFLOW})
        assert answer.status == 200, answer.body
        uid = answer.json["metadata"]["uid"]
        catalogue = place.serving.home.store.catalogue
        number = 0
        while not (await catalogue.listed(uid)).row.done:
            number = await catalogue.changed(number)
        found = (await place.client.get(f"{BASE}/files")).json
        assert found["status"]["phase"] == "Succeeded", found["status"]
        yield place


FILES = f"/artifact-files/{NAMESPACE}/workflows/files/files/outputs"


def assert_sandboxed(answer) -> None:
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-same-origin; base-uri 'none'; default-src 'none'")
    assert "allow-scripts" not in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_file_is_sent_with_headers_that_let_no_script_run(place):
    """Argo's advisory: scripts in HTML artifacts ran with the user's session."""
    answer = await place.client.get(f"{FILES}/dir/page.html")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"] == 'filename="page.html"'
    assert_sandboxed(answer)


async def test_a_file_of_no_known_type_is_not_guessed(place):
    answer = await place.client.get(f"/artifacts/{NAMESPACE}/files/files/one")
    assert answer.body == b"text\n"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert_sandboxed(answer)


async def test_a_directory_is_listed_with_its_names_escaped(place):
    """Argo's advisory: names of files ran as scripts in listings."""
    answer = await place.client.get(f"{FILES}/dir")
    assert answer.status == 307
    assert answer.headers["location"] == f"{FILES}/dir/"
    answer = await place.client.get(f"{FILES}/dir/")
    assert answer.status == 200
    assert_sandboxed(answer)
    assert '<li><a href="./sub/">sub/</a></li>' in answer.text
    assert '<li><a href="./page.html">page.html</a></li>' in answer.text
    assert "<img" not in answer.text
    assert "&lt;img src=x onerror=alert(1)&gt;/" in answer.text
    answer = await place.client.get(f"{FILES}/dir/sub/")
    assert '<a href="./a.txt">' in answer.text
    assert (await place.client.get(f"{FILES}/dir/sub/deeper/b.txt")).body == b"b\n"


@pytest.mark.parametrize(
    "path",
    [
        f"{FILES}/dir/%2e%2e/%2e%2e/%2e%2e/tiphys.db",
        f"{FILES}/dir/..\\..\\tiphys.db",
        f"{FILES}/dir/none",
        f"{FILES}/none",
        f"/artifact-files/{NAMESPACE}/workflows/none/files/outputs/dir/",
        f"/artifacts/{NAMESPACE}/files/none/dir",
        f"/artifacts/{NAMESPACE}/@latest/files/dir",
        "/artifacts-by-uid/none/files/dir",
    ],
)
async def test_what_is_not_there_is_not_found_and_nothing_leads_out(place, path):
    answer = await place.client.send("GET", path)
    assert answer.status == 404, answer.body
    assert answer.text == "Not Found\n"
    assert answer.headers["content-type"].startswith("text/plain")


async def test_dots_in_a_path_never_leave_the_artifact(place):
    from tiphys.model.artifacts import Artifact, LocalArtifact
    from tiphys.service.downloads import inside, key_of

    where = Artifact(name="a", local=LocalArtifact(key="wf/node/dir"))
    for path in ("../../x", "a/../../../x", "/../x", "./../x"):
        assert key_of(inside(where, path)).startswith("wf/node/dir/")


@pytest.mark.parametrize(
    "path",
    [
        f"/artifact-files/{NAMESPACE}/others/files/files/outputs/dir",
        f"/artifact-files/{NAMESPACE}/workflows/files/files/others/dir",
    ],
)
async def test_a_place_that_is_none_is_refused(place, path):
    assert (await place.client.get(path)).status == 400


async def test_a_cookie_is_a_credential_for_artifacts(place):
    client = Client(place.serving.application)
    path = f"/artifacts/{NAMESPACE}/files/files/one"
    assert (await client.send("GET", path)).status == 401
    token = place.client.token
    for value in (token, token.removeprefix("Bearer "), token.replace(" ", "%20")):
        answer = await client.send("GET", path, cookie=f"a=b; authorization={value}")
        assert answer.status == 200


async def test_an_upload_becomes_an_argument(place):
    spec = {
        "entrypoint": "main",
        "arguments": {"artifacts": [{"name": "data", "s3": {"key": "none"}}]},
        "templates": [
            {
                "name": "main",
                "inputs": {"artifacts": [{"name": "data", "path": "/tmp/data"}]},
                "container": {"image": "busybox", "command": ["cat", "/tmp/data"]},
            }
        ],
    }
    body = {"template": {"metadata": {"name": "etl"}, "spec": spec}}
    answer = await place.client.post(f"/api/v1/workflow-templates/{NAMESPACE}", body)
    assert answer.status == 200, answer.body
    form = (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="../../data.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\n1,2\r\n--B--\r\n"
    )
    path = f"/upload-artifacts/{NAMESPACE}/etl/data"
    kind = {"content-type": "multipart/form-data; boundary=B"}
    answer = await place.client.send("POST", path, form, **kind)
    assert answer.status == 200, answer.body
    key = answer.json["key"]
    assert key.startswith(f"uploads/{NAMESPACE}/")
    assert key.endswith("/data.csv")
    assert ".." not in key
    body = {
        "resourceKind": "WorkflowTemplate",
        "resourceName": "etl",
        "submitOptions": {"artifacts": [f"data={key}"]},
    }
    answer = await place.client.post(f"{BASE}/submit", body)
    assert answer.status == 200, answer.body
    answer = await place.client.send("POST", f"/upload-artifacts/{NAMESPACE}/etl/no", form, **kind)
    assert answer.status == 404
    answer = await place.client.send("POST", path, b"--B--", **kind)
    assert answer.status == 400
