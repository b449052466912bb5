"""Every built-in function without a predicate, by name.

An implementation takes the evaluation and the values of the arguments and raises Fault.
"""

from __future__ import annotations

from typing import Final

from tiphys.expr.functions import Implementation
from tiphys.expr.functions_lists import LISTS
from tiphys.expr.functions_numbers import NUMBERS
from tiphys.expr.functions_text import TEXTS
from tiphys.expr.functions_time import TIMES

IMPLEMENTATIONS: Final[dict[str, Implementation]] = {**LISTS, **NUMBERS, **TEXTS, **TIMES}
