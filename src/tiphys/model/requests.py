"""Parts of API requests and of the settings that clients see.

Source: reference/resources.md 5.14.
"""

from __future__ import annotations

from tiphys.model.base import Int32, Model, always
from tiphys.model.meta import OwnerReference


class SubmitOpts(Model, frozen=True, kw_only=True):
    """What a submit request may override."""

    name: str = ""
    generate_name: str = ""
    entry_point: str = ""
    parameters: tuple[str, ...] = ()
    service_account: str = ""
    dry_run: bool | None = None
    server_dry_run: bool | None = None
    labels: str = ""
    owner_reference: OwnerReference | None = None
    annotations: str = ""
    pod_priority_class_name: str = ""
    priority: Int32 | None = None
    artifacts: tuple[str, ...] = ()


class LabelKeys(Model, frozen=True, kw_only=True):
    """Known label keys."""

    items: tuple[str, ...] = ()


class LabelValues(Model, frozen=True, kw_only=True):
    """Known values of a label key."""

    items: tuple[str, ...] = ()


class Link(Model, frozen=True, kw_only=True):
    """A button the UI shows."""

    name: str = always("")
    scope: str = always("")
    url: str = always("")
    target: str = always("")


class Column(Model, frozen=True, kw_only=True):
    """An extra column of the UI's list."""

    name: str = always("")
    type: str = always("")
    key: str = always("")
