"""Numbers and JSON scalars as text, the way Go writes them, and the text of loop items.

Source: Go strconv.FormatFloat and encoding/json; Argo AnyString and Item; language.md 6.4, 15.4,
15.5.
"""

from __future__ import annotations

import json
import math
from typing import Final

from tiphys.expr.errors import NumberError
from tiphys.expr.gotext import json_string
from tiphys.expr.values import Json

_ITEM_DEPTH: Final = 1000


class NumberText(float):
    """A JSON number that remembers how it was written (`1.50`, `-0`)."""

    def __new__(cls, text: str) -> NumberText:
        """Read the number; the text is kept beside it."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def _shortest(value: float) -> tuple[str, str, int]:
    """Return sign, shortest digits and the decimal exponent of the first digit."""
    from decimal import Decimal

    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    first = len(digits) - 1 + int(exponent) if text != "0" else 0
    return "-" if sign else "", text, first


def _special(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return None


def _plain(sign: str, digits: str, first: int) -> str:
    if first < 0:
        return f"{sign}0.{'0' * (-first - 1)}{digits}"
    whole = digits[: first + 1].ljust(first + 1, "0")
    rest = digits[first + 1 :]
    return f"{sign}{whole}.{rest}" if rest else sign + whole


def _exponent(sign: str, digits: str, first: int, width: int) -> str:
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{sign}{mantissa}e{'-' if first < 0 else '+'}{abs(first):0{width}d}"


def _simple(value: float) -> str:
    """Return a float of ordinary size without an exponent, quicker than `_plain`."""
    text = repr(value)
    return text[:-2] if text.endswith(".0") else text


def go_float(value: float) -> str:
    """Return a float as Go's `%v` prints it: `1`, `1e+06`, `NaN`."""
    if 1e-4 <= abs(value) < 1e6:
        return _simple(value)
    special = _special(value)
    if special is not None:
        return special
    sign, digits, first = _shortest(value)
    if first < -4 or first >= 6:
        return _exponent(sign, digits, first, 2)
    return _plain(sign, digits, first)


def plain_float(value: float) -> str:
    """Return a float with the shortest digits and never an exponent."""
    return _special(value) or _plain(*_shortest(value))


def json_float(value: float) -> str:
    """Return a float as Go's JSON encoder writes it; raises NumberError for NaN and infinities."""
    if 1e-4 <= abs(value) < 1e15:
        return _simple(value)
    special = _special(value)
    if special is not None:
        raise NumberError(f"json: unsupported value: {special}")
    sign, digits, first = _shortest(value)
    if digits != "0" and (first < -6 or first >= 21):
        return _exponent(sign, digits, first, 1)
    return _plain(sign, digits, first)


def fixed6(value: float) -> str:
    """Return a float with six decimals, Go's `%f`."""
    return _special(value) or f"{value:.6f}"


def any_string(value: Json) -> str | None:
    """Return the text of a parameter value given as JSON; None when the field stays unset.

    Raises NumberError for a number beyond float64.
    Source: Argo AnyString.UnmarshalJSON; language.md 15.4.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _any_number(value)
    return None


def _any_number(value: float) -> str:
    try:
        number = float(value)
    except OverflowError as error:
        raise NumberError(_too_big(str(value))) from error
    if math.isinf(number):
        raise NumberError(_too_big(value.text if isinstance(value, NumberText) else "number"))
    return plain_float(number)


def _too_big(text: str) -> str:
    return f"json: cannot unmarshal number {text} into Go value of type float64"


def parse_any_string(text: str) -> str | None:
    """Return the text of a parameter value from its JSON token; raises NumberError."""
    return any_string(parse_json(text))


def parse_json(text: str) -> Json:
    """Return JSON whose numbers remember their text; raises NumberError when it is not JSON."""
    try:
        value: Json = json.loads(
            text, parse_float=NumberText, parse_int=_read_integer, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as error:
        raise NumberError(_json_fault(text)) from error
    return value


def _read_integer(text: str) -> int | NumberText:
    return NumberText(text) if text == "-0" or len(text) > 4000 else int(text)


def _refuse(text: str) -> Json:
    raise ValueError(text)


def _json_fault(text: str) -> str:
    stripped = text.lstrip(" \t\r\n")
    if not stripped:
        return "unexpected end of JSON input"
    for word in ("true", "false", "null"):
        if word[0] == stripped[0]:
            return _word_fault(stripped, word)
    return f"invalid character {_char(stripped[0])} looking for beginning of value"


def _word_fault(text: str, word: str) -> str:
    for index, expected in enumerate(word):
        found = text[index : index + 1] or " "
        if found != expected:
            return f"invalid character {_char(found)} in literal {word} (expecting '{expected}')"
    return f"invalid character {_char(text[len(word) : len(word) + 1])} after top-level value"


def _char(char: str) -> str:
    return "'\\''" if char == "'" else "'\"'" if char == '"' else f"'{char}'"


def item_kind(value: Json) -> str:
    """Return "String", "Number", "Bool", "Map" or "List"; null counts as a list."""
    if isinstance(value, str):
        return "String"
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, (int, float)):
        return "Number"
    return "Map" if isinstance(value, dict) else "List"


def json_text(value: Json, html: bool = True) -> str:
    """Return compact JSON as Go writes raw JSON again: keys in their order.

    Raises NumberError for NaN and infinities.
    """
    if isinstance(value, str):
        return json_string(value, html)
    if isinstance(value, dict):
        pairs = (f"{json_string(k, html)}:{json_text(v, html)}" for k, v in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(json_text(item, html) for item in value) + "]"
    return _json_scalar(value)


def _json_scalar(value: bool | float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, NumberText):
        return value.text
    return str(value) if isinstance(value, int) else json_float(value)


def item_text(value: Json) -> str:
    """Return what `{{item}}` stands for: the string itself, or compact JSON.

    The keys of an object item are sorted, those of objects inside it are not.
    Source: Argo workflow/controller/operator.go processItem; language.md 6.4.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return json_text(dict(sorted(value.items())))
    return json_text(value)


def item_rendered(value: Json) -> str:
    """Return Argo's `Item.String()`: JSON, without the quotes when it is a string."""
    text = json_text(value, html=False)
    return text[1:-1] if isinstance(value, str) else text


def item_members(value: Json) -> dict[str, str]:
    """Return what `{{item.<key>}}` stands for, for each key of an object item; else empty.

    A string member is the body of its JSON string, not unescaped. Source: language.md 6.4.
    """
    if not isinstance(value, dict):
        return {}
    return {key: item_rendered(value[key]) for key in sorted(value)}


def item_suffix(value: Json) -> str:
    """Return the text an item adds to its node's name, parentheses removed.

    Source: Argo workflow/controller/operator.go processItem; language.md 6.4.
    """
    return item_display(value).replace("(", "").replace(")", "")


def item_display(value: Json) -> str:
    """Return an item as Go's `%v` prints it: `[a b]`, `k:v,k:v`, or its text."""
    if isinstance(value, dict):
        return ",".join(f"{key}:{text}" for key, text in item_members(value).items())
    if isinstance(value, list):
        return "[" + " ".join(item_rendered(item) for item in value) + "]"
    if value is None:
        return "[]"
    return value if isinstance(value, str) else json_text(value)


def wrap64(number: int) -> int:
    """Return the integer as it overflows in 64 bits, signed."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def truncate64(value: float) -> int:
    """Return a float as Go on amd64 converts it to an int: out of range is the least int."""
    if math.isnan(value) or abs(value) >= 2.0**63:
        return -(1 << 63)
    return int(value)


def go_divide(first: float, second: float) -> float:
    """Return the quotient as Go has it: infinities and NaN instead of errors."""
    if second != 0:
        return first / second
    if first == 0 or math.isnan(first):
        return math.nan
    return math.copysign(math.inf, first) * math.copysign(1.0, second)
