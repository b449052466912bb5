"""Objects as people look at them: which, under what names, and what is never shown."""

from __future__ import annotations

import base64
from contextlib import contextmanager

import pytest

from tiphys.errors import InvalidDocument, NotFound, Unsupported, UserError
from tiphys.model.base import API_VERSION
from tiphys.model.makers import Maker, marked, placed, runtime_of
from tiphys.service.kept_objects import Asked, KeptObjects, shown_name
from tiphys.store.objects import MemoryObjects
from tiphys.testing.clock import JumpingClock, run

BATCH, VOLCANO = "batch/v1", "batch.volcano.sh/v1alpha1"
VALUE = base64.b64encode(b"hunter2").decode()
STEP = {"workflows.argoproj.io/node-id": "n"}


def thing(version, kind, name, **metadata):
    metadata = {"name": name, "namespace": "default", **metadata}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def pods():
    container = {"name": "c", "image": "busybox"}
    return {"spec": {"restartPolicy": "Never", "containers": [container]}}


def owned_by(kind, version, uid):
    owner = {"apiVersion": version, "kind": kind, "name": "o", "uid": uid, "controller": True}
    return {"ownerReferences": [owner]}


async def filled():
    """Return a store with a bit of everything."""
    objects = MemoryObjects(JumpingClock())
    job = await objects.create(marked(thing(BATCH, "Job", "a", labels={"x": "y"}), Maker("w", "u")))
    owner = owned_by("Job", BATCH, job["metadata"]["uid"])
    secret = thing("v1", "Secret", "s", annotations={"a": "b"})
    last = "kubectl.kubernetes.io/last-applied-configuration"
    secret["metadata"]["annotations"][last] = VALUE
    for document in (
        thing(VOLCANO, "Job", "a", **owned_by("Workflow", API_VERSION, "u")),
        thing(VOLCANO, "Job", "b", namespace="other"),
        thing("v1", "Pod", "a-0", **owner),
        thing("v1", "Pod", "step", annotations=STEP, **owned_by("Workflow", API_VERSION, "u")),
        thing("v1", "ConfigMap", "c"),
        {**secret, "data": {"k": VALUE}},
        thing("scheduling.volcano.sh/v1beta1", "Queue", "q"),
        thing("example.com/v1", "Widget", "w"),
        thing(API_VERSION, "WorkflowTemplate", "t"),
    ):
        if document["kind"] == "Queue":
            del document["metadata"]["namespace"]
        await objects.create(document)
    return objects


def each(play):
    """Carry out a test on the filled store."""

    def test():
        async def whole():
            await play(await filled())

        run(whole())

    test.__doc__ = play.__doc__
    test.__name__ = play.__name__
    return test


async def names(objects, namespace="default", serves=False, **asked):
    found = await KeptObjects(objects, serves).list(namespace, Asked(**asked))
    return [shown_name(item) for item in found]


TOP = ["configmap/c", "job.batch.volcano.sh/a", "job.batch/a"]
QUEUE = "queue.scheduling.volcano.sh/q"


@each
async def test_all_but_what_jobs_made_and_what_has_verbs_of_its_own(objects):
    assert await names(objects) == [QUEUE, *TOP, "secret/s", "widget.example.com/w"]
    assert "job.batch.volcano.sh/b" in await names(objects, "")
    assert await names(objects, serves=True) == [*TOP[1:], "widget.example.com/w"]


@each
async def test_types_labels_workflow_and_owner_choose(objects):
    assert await names(objects, types=["job"]) == TOP[1:]
    assert await names(objects, types=["jobs.batch", "cm"]) == ["configmap/c", "job.batch/a"]
    assert await names(objects, types=["pods"]) == ["pod/a-0", "pod/step"]
    assert await names(objects, labels="x=y") == ["job.batch/a"]
    for who in ("u", "o"):
        assert "job.batch.volcano.sh/a" in await names(objects, workflow=who)
    assert await names(objects, workflow="u") == TOP[1:]
    (job,) = await KeptObjects(objects).list("default", Asked(types=["job.batch"]))
    assert await names(objects, types=["pod"], owner=job["metadata"]["uid"]) == ["pod/a-0"]
    with pytest.raises(UserError, match='no type "nope"'):
        await names(objects, types=["nope"])
    with pytest.raises(UserError, match="a WorkflowTemplate is not found here: see `tiphys temp"):
        await names(objects, types=["wftmpl"])


@each
async def test_one_word_may_name_two_kinds(objects):
    kept = KeptObjects(objects)
    assert (await kept.get("default", "job", "a"))["apiVersion"] == BATCH
    assert (await kept.get("other", "job", "b"))["apiVersion"] == VOLCANO
    with pytest.raises(NotFound, match=r'jobs.batch "z" not found'):
        await kept.get("default", "job", "z")
    assert (await kept.get("default", "queue", "q"))["kind"] == "Queue"


@each
async def test_values_of_secrets_are_not_shown(objects):
    kept = KeptObjects(objects)
    shown = [await kept.get("default", "secret", "s"), *await kept.list("default", Asked())]
    assert VALUE not in str(shown)
    assert (shown[0]["data"], shown[0]["metadata"]["annotations"]) == ({"k": "***"}, {"a": "b"})
    assert VALUE not in str(await kept.delete("default", "secret", "s"))
    for word in ("secret", "cm", "queue", "wf"):
        with pytest.raises(UserError, match="is not found here"):
            await KeptObjects(objects, serves=True).get("default", word, "c")


@each
async def test_what_is_deleted_takes_what_it_made_with_it(objects):
    kept = KeptObjects(objects)
    assert (await kept.delete("default", "job.batch", "a"))["kind"] == "Job"
    assert await names(objects, types=["pods"]) == ["pod/step"]
    with pytest.raises(UserError, match="is a step of a workflow"):
        await kept.delete("default", "pod", "step")


@each
async def test_what_a_workflow_left_at_work(objects):
    kept = KeptObjects(objects)
    found = [shown_name(item) for item in await kept.at_work("default", "u")]
    assert found == ["job.batch/a", "job.batch.volcano.sh/a"]
    assert await kept.at_work("other", "u") == []
    job = await kept.get("default", "job", "a")
    over = {"conditions": [{"type": "Complete", "status": "True"}]}
    await objects.replace({**job, "status": over})
    found = [shown_name(item) for item in await kept.at_work("default", "u")]
    assert found == ["job.batch.volcano.sh/a"]


# ------------------------------------------------------------------------------------- keeping


@contextmanager
def refused(kind, text):
    with pytest.raises(kind, match=text):
        yield


def sent(**spec):
    document = thing(BATCH, "Job", "n", finalizers=["f"], **owned_by("Workflow", API_VERSION, "u"))
    return {**document, "spec": {"template": pods(), **spec}, "status": {"succeeded": 1}}


@each
async def test_of_what_is_sent_only_what_people_give_is_kept(objects):
    kept = KeptObjects(objects, serves=True)
    forged = placed(marked(sent(), Maker("w", "u")), "process")
    made, verb = await kept.apply("default", "job", "n", forged)
    assert (verb, made.get("status"), runtime_of(made)) == ("created", None, "")
    wanted = {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"}
    assert {*made["metadata"]} == wanted
    _, verb = await kept.apply("default", "jobs.batch", "n", sent(backoffLimit=1))
    assert verb == "configured"
    _, verb = await kept.apply("default", "job", "n", sent(backoffLimit=1))
    assert verb == "unchanged"


EMPTY = {**thing(VOLCANO, "Job", "n"), "spec": {"tasks": []}}


@pytest.mark.parametrize(
    ("document", "error", "said"),
    [
        (sent(backofLimit=1), InvalidDocument, "backofLimit"),
        (sent(template={"spec": {"containers": []}}), InvalidDocument, "Required value"),
        (sent(successPolicy={}), Unsupported, "cannot run here"),
        (
            {**thing(VOLCANO, "Job", "n"), "spec": {"tasks": []}},
            InvalidDocument,
            "No task specified",
        ),
        (thing("v1", "Secret", "n"), UserError, "is not found here"),
        (thing("v1", "Pod", "n"), UserError, "kind of the object is not that of the request"),
        (thing(API_VERSION, "Workflow", "n"), UserError, "is not found here"),
        (thing(BATCH, "Job", "other"), UserError, "metadata.name of the object is not that"),
        (thing(BATCH, "Job", "n", namespace="x"), UserError, "metadata.namespace"),
        ({}, UserError, "kind of the object is not that of the request"),
    ],
)
def test_what_is_sent_passes_the_checks_of_files(document, error, said):
    async def play():
        objects = MemoryObjects(JumpingClock())
        with refused(error, said):
            await KeptObjects(objects, serves=True).apply("default", "job", "n", document)
        assert await objects.kinds() == []

    run(play())
