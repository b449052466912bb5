"""Gangs whose pods talk to each other by the names that Volcano gives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.container_engine import IMAGE, environ, need_engine
from tests.e2e.driver import Home
from tests.e2e.test_objects import create, stored
from tests.e2e.workflows import workflow

from tiphys.runtime import sandbox

# Either is where the other is not: in the sandbox programs are the host's.
SERVE = """
mkdir -p /tmp/www; cd /tmp/www; echo "served by $(hostname)" > index.html
if command -v python3 > /dev/null; then exec python3 -m http.server 18080 --bind "$(hostname)"; fi
exec httpd -f -p "$(hostname -i):18080"
"""
ASK = """
get() {
  if command -v python3 > /dev/null; then
    python3 -c "import urllib.request as u; print(u.urlopen('$1').read().decode(), end='')"
  else wget -q -O - "$1"; fi
}
for host in $(cat /etc/volcano/worker.host) ${VC_WORKER_HOSTS%%,*}; do
  grep -q "$host" /etc/hosts || echo "nobody knows $host"
  until get "http://$host:18080/index.html" 2> /tmp/why; do sleep 0.1; done
done
"""


@pytest.fixture(params=["sandbox", "podman", "docker"])
def home(
    request: pytest.FixtureRequest, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Home]:
    if request.param == "sandbox":
        if (why := sandbox.available()) is not None:
            pytest.skip(why)
        place = Home(tmp_path, "sandbox", cache)
    else:
        found = need_engine(request.param)
        monkeypatch.setenv("CONTAINER_HOST", f"unix://{found.socket}")
        monkeypatch.setenv("CONTAINERS_CONF", environ()["CONTAINERS_CONF"])
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        place = Home(tmp_path, "container", cache)
    yield place
    place.close()


def task(name: str, replicas: int, text: str, **more: object) -> dict[str, object]:
    container = {"name": "c", "image": IMAGE, "command": ["sh", "-c", text]}
    pods = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {"name": name, "replicas": replicas, "template": pods, **more}


def test_a_master_reaches_all_workers_by_the_names_in_its_host_file(home: Home) -> None:
    over = [{"event": "TaskCompleted", "action": "CompleteJob"}]
    document = {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "mpi"},
        "spec": {
            "minAvailable": 3,
            "plugins": {"svc": [], "env": []},
            "tasks": [task("master", 1, ASK, policies=over), task("worker", 2, SERVE)],
        },
    }
    failure = "status.state.phase in (Failed, Aborted, Terminated)"
    leaf = create("main", document, "status.state.phase = Completed", failureCondition=failure)
    home.ok("run", home.file("w.yaml", workflow("w", leaf)))
    said = [line for line in home.said().splitlines() if "served by" in line or "nobody" in line]
    assert said == [f"served by mpi-worker-{index}" for index in (0, 1, 0)]
    assert stored(home, "Job")["mpi"]["status"]["state"]["phase"] == "Completed"
