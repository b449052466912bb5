"""The sprig functions, by name, as one value: the `sprig` of an environment.

`env` and `expandenv` do not exist. Source: Masterminds/sprig 3.3.0; language.md 12.
"""

from __future__ import annotations

from typing import Final

from tiphys.expr.sprig_base import functions
from tiphys.expr.sprig_crypto import CRYPTO
from tiphys.expr.sprig_dicts import DICTS
from tiphys.expr.sprig_lists import LISTS
from tiphys.expr.sprig_misc import MISC
from tiphys.expr.sprig_numbers import NUMBERS
from tiphys.expr.sprig_regex import REGEX
from tiphys.expr.sprig_text import TEXT
from tiphys.expr.sprig_time import TIMES
from tiphys.expr.values import Value

SPRIG: Final[dict[str, Value]] = functions(
    {**TEXT, **NUMBERS, **LISTS, **DICTS, **TIMES, **REGEX, **MISC, **CRYPTO}
)
