"""CronWorkflows for tests."""

from datetime import datetime

from tiphys.compile.triggers.due import LAST_USED_SCHEDULE
from tiphys.model.codec import convert
from tiphys.model.cron import CronWorkflow

SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "a"}}]}


def cron(schedules="0 2 * * *", status=None, metadata=None, **spec):
    """Return a CronWorkflow called nightly."""
    texts = [schedules] if isinstance(schedules, str) else schedules
    return convert(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "metadata": {"name": "nightly", "namespace": "team", "uid": "u1", **(metadata or {})},
            "spec": {"schedules": texts, "workflowSpec": SPEC, **spec},
            "status": status or {},
        },
        CronWorkflow,
    )


def used(text):
    """Return metadata that says which schedules were used last."""
    return {"annotations": {LAST_USED_SCHEDULE: text}}


def at(text):
    """Return "2024-01-15T02:00Z" as seconds."""
    return int(datetime.fromisoformat(text).timestamp())


def z(seconds):
    """Return seconds as "2024-01-15T02:00Z"."""
    from datetime import UTC

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")
