"""Executor plugins made into ConfigMaps. Source: reference/cli.md 18, executor.md 12."""

import pytest
import yaml

from tiphys.errors import InvalidDocument, UserError
from tiphys.service.plugins import built

PLUGIN = """\
apiVersion: argoproj.io/v1alpha1
kind: ExecutorPlugin
metadata:
  name: hello
  labels: {team: a}
  annotations: {workflows.argoproj.io/description: Says hello.}
spec:
  sidecar:
    automountServiceAccountToken: true
    container: {name: hello, image: x, command: [python, -c], args: [old]}
"""


def test_the_server_becomes_the_containers_argument():
    (config, text), (page, about) = built({"plugin.yaml": PLUGIN, "server.py": "print()\n"})
    assert (config, page) == ("hello-executor-plugin-configmap.yaml", "README.md")
    made = yaml.safe_load(text)
    assert made["metadata"] == {
        "name": "hello-executor-plugin",
        "labels": {"team": "a", "workflows.argoproj.io/configmap-type": "ExecutorPlugin"},
        "annotations": {"workflows.argoproj.io/description": "Says hello."},
    }
    assert made["data"]["sidecar.automountServiceAccountToken"] == "true"
    container = yaml.safe_load(made["data"]["sidecar.container"])
    assert container["args"] == ["print()\n"]
    assert container["command"] == ["python", "-c"]
    assert "Says hello." in about
    assert "kubectl apply -f hello-executor-plugin-configmap.yaml" in about


def test_without_a_server_the_arguments_stay():
    (_, text), _ = built({"plugin.yaml": PLUGIN})
    container = yaml.safe_load(yaml.safe_load(text)["data"]["sidecar.container"])
    assert container["args"] == ["old"]


def test_two_servers_are_too_many():
    with pytest.raises(UserError, match=r"plugin hello has more than one server\.\* file"):
        [*built({"plugin.yaml": PLUGIN, "server.py": "", "server.js": ""})]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("ExecutorPlugin", "ConfigMap", r'd/plugin.yaml:2:7: the kind is ExecutorPlugin, not "Con'),
        ("name: hello\n  labels", "labels", "metadata.name is required"),
        ("image: x", "imagee: x", 'unknown field "spec.sidecar.container.imagee"'),
        ("sidecar:", "sidecar: {}\n  x:", "unknown field|container is required"),
        ("spec:", "---\nspec:", "2 documents instead of one"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old, new, error):
    with pytest.raises(InvalidDocument, match=error):
        [*built({"plugin.yaml": PLUGIN.replace(old, new, 1)}, "d/plugin.yaml")]
