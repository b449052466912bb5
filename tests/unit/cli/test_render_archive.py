"""Golden texts of `archive`: reference/cli.md 14."""

import pytest
from tests.unit.cli.samples import NOW, ZONE, etl

from tiphys.cli import archived
from tiphys.cli.render import ListStyle, render_list
from tiphys.cli.render.archive import render_alike, render_archived
from tiphys.errors import NotFound, UserError

UID = "5c1f8a52-3c1e-4b8e-9a07-0d5a4b1c2e3f"
OTHER = "90ab11c3-3c1e-4b8e-9a07-0d5a4b1c2e3f"
LIST = """\
NAMESPACE   NAME        STATUS   AGE   DURATION   PRIORITY   MESSAGE                      P/R/C   PARAMETERS       UID
team        etl-7xk2p   Failed   5m    22s        0          child 'etl-7xk2p-1' failed   0/0/0   day=2026-01-31   5c1f8a52-3c1e-4b8e-9a07-0d5a4b1c2e3f
"""  # noqa: E501
GET = """\
Name:                etl-7xk2p
Namespace:           team
ServiceAccount:      unset (will run with the default ServiceAccount)
Status:              Failed
Message:             child 'etl-7xk2p-1' failed
Created:             Sat Jan 31 10:05:00 +0100 (5 minutes ago)
Started:             Sat Jan 31 10:05:00 +0100 (5 minutes ago)
Finished:            Sat Jan 31 10:05:22 +0100 (4 minutes ago)
Duration:            22 seconds
"""
ALIKE = """\
Multiple archived workflows found with name 'etl-7xk2p':
  5c1f8a52-3c1e-4b8e-9a07-0d5a4b1c2e3f (Created: Sat Jan 31 10:05:00 +0100 (5 minutes ago), Finished: Sat Jan 31 10:05:22 +0100 (4 minutes ago))
  90ab11c3-3c1e-4b8e-9a07-0d5a4b1c2e3f (Created: Sat Jan 31 10:05:00 +0100 (5 minutes ago), Finished: Sat Jan 31 10:05:22 +0100 (4 minutes ago))
Please specify the UID."""  # noqa: E501


def partial(uid: str = UID) -> dict:
    """A workflow as the list of the archive has it."""
    found = etl()
    found["metadata"]["uid"] = uid
    found["spec"] = {"arguments": found["spec"]["arguments"]}
    del found["status"]["nodes"]
    return found


def test_the_list_has_namespaces_and_uids() -> None:
    style = ListStyle(wide=True, namespaces=True, uids=True)
    assert render_list([partial()], NOW, style) == LIST


def test_one_is_keys_and_values_without_a_tree() -> None:
    workflow = etl()
    workflow["spec"].pop("serviceAccountName", None)
    assert render_archived(workflow, NOW, ZONE) == GET


def test_the_phase_is_bare_and_what_is_not_known_is_left_out() -> None:
    workflow = {"metadata": {"name": "a", "namespace": "n"}, "spec": {"shutdown": "Stop"}}
    workflow["spec"]["serviceAccountName"] = "robot"
    workflow["status"] = {"phase": "Failed", "startedAt": None, "finishedAt": None}
    lines = [line.split() for line in render_archived(workflow, NOW, ZONE).splitlines()]
    assert lines == [
        ["Name:", "a"],
        ["Namespace:", "n"],
        ["ServiceAccount:", "robot"],
        ["Status:", "Failed"],
    ]


def test_several_of_one_name_are_told_apart() -> None:
    assert render_alike("etl-7xk2p", [partial(), partial(OTHER)], NOW, ZONE) == ALIKE


def test_which_one_is_meant_is_said_by_uid_or_by_a_name_that_one_has() -> None:
    assert archived.is_uid(UID, as_uid=False, as_name=False)
    assert not archived.is_uid(UID.upper(), as_uid=False, as_name=False)
    assert not archived.is_uid(UID, as_uid=False, as_name=True)
    assert archived.is_uid("etl", as_uid=True, as_name=False)
    assert archived.uid_of("etl", [partial()]) == UID
    with pytest.raises(NotFound, match=r"^resolve UID: archived workflow 'etl' not found$"):
        archived.uid_of("etl", [])
    with pytest.raises(UserError, match=r"^resolve UID: Multiple archived workflows found"):
        archived.uid_of("etl", [partial(), partial(OTHER)])
    with pytest.raises(UserError, match=r"\[name uid\] were all set$"):
        archived.check_identity(as_uid=True, as_name=True)


def test_documents_are_printed_as_argo_prints_them() -> None:
    workflow = {"metadata": {"name": "a"}, "spec": {}}
    assert archived.one(workflow, "json") == '{"metadata":{"name":"a"},"spec":{}}\n'
    assert archived.one(workflow, "yaml") == "metadata:\n  name: a\nspec: {}\n\n"
    assert archived.one(workflow, "name").startswith("Name:                a\n")
