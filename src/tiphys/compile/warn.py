"""Every warning about a document: what Argo accepts and nobody expects, or what will not work.

A warning never changes the verdict. Each has a page in docs/warnings (`tiphys lint --explain`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tiphys.compile.references import TemplateStore
from tiphys.compile.warnings.cluster import warn_of_cluster
from tiphys.compile.warnings.depends import warn_of_depends
from tiphys.compile.warnings.deprecated import warn_of_deprecated
from tiphys.compile.warnings.expressions import warn_of_expressions
from tiphys.compile.warnings.hook_names import warn_of_hook_names
from tiphys.compile.warnings.hooks import warn_of_hooks
from tiphys.compile.warnings.loops import warn_of_loops
from tiphys.compile.warnings.policies import warn_of_policies
from tiphys.compile.warnings.queries import warn_of_queries
from tiphys.compile.warnings.references import warn_of_references
from tiphys.compile.warnings.scripts import warn_of_scripts
from tiphys.compile.warnings.survey import Survey, survey
from tiphys.compile.warnings.syntax import warn_of_syntax
from tiphys.compile.warnings.unused import warn_of_unused
from tiphys.errors import Finding
from tiphys.model.codec import Document, Resource
from tiphys.model.cron import CronWorkflow
from tiphys.model.events import WorkflowEventBinding

_CHECKS: Final[tuple[Callable[[Survey], None], ...]] = (
    warn_of_loops,
    warn_of_scripts,
    warn_of_references,
    warn_of_policies,
    warn_of_hooks,
    warn_of_hook_names,
    warn_of_unused,
    warn_of_syntax,
    warn_of_depends,
    warn_of_queries,
    warn_of_expressions,
    warn_of_cluster,
    warn_of_deprecated,
)


def warn(resource: Resource, store: TemplateStore, source: Document | None = None) -> list[Finding]:
    """Return the warnings about a document, in the order of its lines.

    `store` has the templates it may refer to; `source` is its text, for places.
    """
    if isinstance(resource, WorkflowEventBinding):
        return []
    if isinstance(resource, CronWorkflow):
        made = survey(
            resource, resource.spec.workflow_spec, ("spec", "workflowSpec"), store, source
        )
    else:
        made = survey(resource, resource.spec, ("spec",), store, source)
    for check in _CHECKS:
        check(made)
    return sorted(made.findings, key=lambda item: (item.line, item.column, item.rule))
