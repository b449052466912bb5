"""What is wrong with the settings of logins, whoever logs in. Pure.

Found when the server starts: at a login a rule that cannot be read would just give nobody anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tiphys.auth.rules import grants_of
from tiphys.errors import UserError
from tiphys.expr.errors import ExprError
from tiphys.expr.evaluate import checked_type
from tiphys.expr.types import ANY, ARRAY, BOOL, STRING

if TYPE_CHECKING:
    from tiphys.auth.sso import RoleRule, SsoConfig

CLAIMS: Final = ("sub", "iss", "email", "name", "preferred_username")
"""The claims that are texts; `groups` is a list."""
_TYPES: Final = {**dict.fromkeys(CLAIMS, STRING), "groups": ARRAY}


def check_login(config: SsoConfig) -> None:
    """Raise UserError, a line for each thing, if anything is wrong."""
    faults = [*_faults(config)]
    if faults:
        raise UserError("\n".join(f"server.login.{fault}" for fault in faults))


def _faults(config: SsoConfig) -> Iterator[str]:
    for index, rule in enumerate(config.rules):
        for fault in _of_rule(rule):
            yield f"rules[{index}]: {fault}"
    for index, text in enumerate(config.filter_groups):
        try:
            re.compile(text)
        except re.error as exc:
            yield f"filter_groups[{index}]: {text!r} is no regular expression: {exc}"


def _of_rule(rule: RoleRule) -> Iterator[str]:
    try:
        grants_of(rule.role, rule.namespaces)
    except UserError as exc:
        yield str(exc)
    try:
        kind = checked_type(rule.rule, _TYPES)
    except ExprError as exc:
        yield exc.message
        return
    if kind.kind not in {BOOL.kind, ANY.kind}:
        yield f"the rule must be true or false, not a {kind.name}: {rule.rule}"
