"""The methods of times and durations: how many arguments each takes, and what it returns.

What they do is in `methods`. Source: Go time.
"""

from __future__ import annotations

from typing import Final

from tiphys.expr.types import BOOL, DURATION, FLOAT, INT, MONTH, STRING, TIME, WEEKDAY, Type

_INT64: Final = Type("int", "int64")
TIME_METHODS: Final[dict[str, tuple[int, Type]]] = {
    "Year": (0, INT),
    "Month": (0, MONTH),
    "Day": (0, INT),
    "Hour": (0, INT),
    "Minute": (0, INT),
    "Second": (0, INT),
    "Nanosecond": (0, INT),
    "Weekday": (0, WEEKDAY),
    "YearDay": (0, INT),
    "Unix": (0, _INT64),
    "UnixMilli": (0, _INT64),
    "UnixMicro": (0, _INT64),
    "UnixNano": (0, _INT64),
    "Format": (1, STRING),
    "Add": (1, TIME),
    "AddDate": (3, TIME),
    "Sub": (1, DURATION),
    "Before": (1, BOOL),
    "After": (1, BOOL),
    "Equal": (1, BOOL),
    "Compare": (1, INT),
    "IsZero": (0, BOOL),
    "In": (1, TIME),
    "UTC": (0, TIME),
    "Local": (0, TIME),
    "Truncate": (1, TIME),
    "Round": (1, TIME),
    "String": (0, STRING),
}
"""Name to the number of arguments and the type of the result."""
DURATION_METHODS: Final[dict[str, tuple[int, Type]]] = {
    "Hours": (0, FLOAT),
    "Minutes": (0, FLOAT),
    "Seconds": (0, FLOAT),
    "Milliseconds": (0, _INT64),
    "Microseconds": (0, _INT64),
    "Nanoseconds": (0, _INT64),
    "String": (0, STRING),
    "Abs": (0, DURATION),
    "Truncate": (1, DURATION),
    "Round": (1, DURATION),
}
