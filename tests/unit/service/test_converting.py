"""Documents of Argo 3 in the words of Argo 4. Source: reference/cli.md 17."""

import pytest
import yaml

from tiphys.errors import InvalidDocument
from tiphys.model.documents import split_documents
from tiphys.service.converting import converted

API = "argoproj.io/v1alpha1"


def run(kind, spec):
    text = yaml.safe_dump(
        {"apiVersion": API, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    )
    (document,) = split_documents(text)
    before = yaml.safe_dump(document.value)
    made = converted(document)
    assert yaml.safe_dump(document.value) == before, "what was given is not changed"
    return made["spec"]


def test_the_single_schedule_goes_before_the_list():
    spec = {"schedule": "0 2 * * *", "schedules": ["1 1 * * *"], "workflowSpec": {}}
    assert run("CronWorkflow", spec)["schedules"] == ["0 2 * * *"]
    assert run("CronWorkflow", {**spec, "schedule": ""})["schedules"] == ["1 1 * * *"]


@pytest.mark.parametrize("kind", ["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate"])
def test_single_locks_are_appended_at_every_level(kind):
    old = {"mutex": {"name": "a"}, "semaphore": {"configMapKeyRef": {"name": "c", "key": "k"}}}
    new = {"mutexes": [{"name": "b"}, {"name": "a"}], "semaphores": [old["semaphore"]]}
    step = {"name": "s", "inline": {"synchronization": dict(old), "suspend": {}}}
    template = {"name": "t", "synchronization": dict(old), "steps": [[step]]}
    given = {**old, "mutexes": [{"name": "b"}]}
    found = run(kind, {"synchronization": given, "templates": [template]})
    assert found["synchronization"] == new
    own = {"mutexes": [{"name": "a"}], "semaphores": new["semaphores"]}
    assert found["templates"][0]["synchronization"] == own
    assert found["templates"][0]["steps"][0][0]["inline"]["synchronization"] == own


def test_a_cron_workflows_locks_too():
    old = {"synchronization": {"mutex": {"name": "a"}}}
    found = run("CronWorkflow", {"schedule": "* * * * *", "workflowSpec": old})
    assert found["workflowSpec"]["synchronization"] == {"mutexes": [{"name": "a"}]}


def test_other_kinds_pass_as_they_are():
    assert run("ConfigMap", {"schedule": "x"}) == {"schedule": "x"}


def test_what_cannot_be_read_is_refused():
    with pytest.raises(InvalidDocument, match="cannot unmarshal number"):
        run("Workflow", {"entrypoint": {"mutex": 3}, "templates": 3})
