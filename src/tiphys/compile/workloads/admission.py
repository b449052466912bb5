"""What is refused at the door: objects that a cluster would not take, or that cannot run here.

A Job that is stored and fails before it has a pod would leave a step waiting: `status.failed` never
gets where its failure condition wants it.
Source: Kubernetes pkg/apis/batch/validation; Volcano pkg/webhooks/admission/jobs/validate.
"""

from __future__ import annotations

from tiphys.compile.workloads import batch, volcano
from tiphys.compile.workloads.gang import Gang, with_defaults
from tiphys.compile.workloads.reading import name_of, text
from tiphys.compile.workloads.volcano_faults import fault
from tiphys.errors import Denied, Finding, InvalidDocument, Unsupported
from tiphys.model.base import JsonObject

_WEBHOOK = 'admission webhook "validatejob.volcano.sh" denied the request'


def check(document: JsonObject) -> None:
    """Let an object pass, or refuse it.

    Raises InvalidDocument with the words of an API server, Denied with those of Volcano's webhook,
    and Unsupported for what this version cannot do.
    """
    match text(document, "apiVersion"), text(document, "kind"):
        case batch.API_VERSION, "Job":
            _check_job(document)
        case volcano.API_VERSION, "Job":
            if said := fault(Gang(with_defaults(document), (), 0.0)):
                raise Denied([Finding(f"{_WEBHOOK}: {said}")])


def _check_job(document: JsonObject) -> None:
    found = batch.fault(document)
    if found is None:
        return
    if found.reason == "Invalid":
        said = f'Job "{name_of(document)}" is invalid: {found.message}'
        raise InvalidDocument([Finding(said)])
    raise Unsupported([Finding(f'Job "{name_of(document)}" cannot run here: {found.message}')])
