"""Every built-in function without a predicate, by name.

An implementation takes the evaluation and the values of the arguments and raises Fault.
"""

from __future__ import annotations

from tiphys.expr.functions import Implementation
from tiphys.expr.functions_lists import LISTS
from tiphys.expr.functions_numbers import NUMBERS
from tiphys.expr.functions_text import TEXTS


def implementation(name: str) -> Implementation:
    """Return what a built-in function does; what needs a calendar is loaded when asked for."""
    for table in (LISTS, NUMBERS, TEXTS):
        if name in table:
            return table[name]
    from tiphys.expr.functions_time import TIMES

    return TIMES[name]
