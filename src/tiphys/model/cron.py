"""CronWorkflow: the structs only; due times are computed elsewhere.

Source: reference/resources.md 5.10.
"""

from __future__ import annotations

from tiphys.model.base import API_VERSION, Int32, Int64, JsonObject, Model, Time, always
from tiphys.model.meta import ObjectMeta
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import Condition


class StopStrategy(Model, frozen=True, kw_only=True):
    """When a CronWorkflow stops for good."""

    expression: str = always("")


class CronWorkflowSpec(Model, frozen=True, kw_only=True):
    """The schedules and the workflow they start."""

    workflow_spec: WorkflowSpec = always(WorkflowSpec())
    concurrency_policy: str = ""
    suspend: bool | None = None
    starting_deadline_seconds: Int64 | None = None
    successful_jobs_history_limit: Int32 | None = None
    failed_jobs_history_limit: Int32 | None = None
    timezone: str = ""
    workflow_metadata: ObjectMeta | None = None
    stop_strategy: StopStrategy | None = None
    schedules: tuple[str, ...] = always(())
    when: str = ""


class CronWorkflowStatus(Model, frozen=True, kw_only=True):
    """What a CronWorkflow did; every key is always written."""

    active: tuple[JsonObject, ...] | None = always(None)
    last_scheduled_time: Time | None = always(None)
    conditions: tuple[Condition, ...] | None = always(None)
    succeeded: Int64 = always(0)
    failed: Int64 = always(0)
    phase: str = always("")


class CronWorkflow(Model, frozen=True, kw_only=True):
    """Workflows started by the clock."""

    api_version: str = always(API_VERSION)
    kind: str = always("CronWorkflow")
    metadata: ObjectMeta = always(ObjectMeta())
    spec: CronWorkflowSpec = always(CronWorkflowSpec())
    status: CronWorkflowStatus = always(CronWorkflowStatus())
