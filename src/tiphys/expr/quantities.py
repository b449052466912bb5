"""Kubernetes quantities: `500m`, `1.5Gi`, `1e3`.

Source: apimachinery quantity.go; language.md 15.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_UP, Context, Decimal, localcontext
from typing import Final, Literal

from tiphys.expr.errors import QuantityError
from tiphys.expr.numbers import NumberText, wrap64
from tiphys.expr.values import Json

Family = Literal["decimal", "binary", "exponent"]

_SHAPE: Final = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?"
    r"(?P<suffix>[eEinumkKMGTP]*[-+]?[0-9]*)\Z",
    re.ASCII,
)
_EXPONENT: Final = re.compile(r"[eE]([-+]?[0-9]+)\Z", re.ASCII)
_DECIMAL: Final = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SHAPE_FAULT: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_SUFFIX_FAULT: Final = "unable to parse quantity's suffix"
_LARGEST: Final = Decimal((1 << 63) - 1)
_NANO: Final = Decimal(1).scaleb(-9)
_FINE: Final = Decimal(10) ** 200
"""Larger amounts have no fraction: a text has a hundred characters."""
_CONTEXT: Final = Context(prec=400)
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact amount and the family its suffixes come from.

    `written` is the text to print instead of the canonical form, when that is how Kubernetes
    treats the text the quantity was read from. Short texts are `fast`: they become an int64 and a
    scale, long ones a big decimal, and the two are read as whole numbers in different ways.
    """

    amount: Decimal
    family: Family
    written: str = ""
    fast: bool = True

    @property
    def sign(self) -> int:
        """-1, 0 or 1."""
        return (self.amount > 0) - (self.amount < 0)

    def value(self) -> int:
        """Return whole units."""
        return self._scaled(0)

    def milli(self) -> int:
        """Return thousandths."""
        return self._scaled(3)

    def _scaled(self, digits: int) -> int:
        """Return the amount times a power of ten as an int64.

        Rounded away from zero and 0 when too large; big decimals are rounded up and wrap.
        Source: apimachinery math.go positiveScaleInt64, scale_int.go scaledValue.
        """
        if self.fast:
            whole = _rounded(self.amount.scaleb(digits, _CONTEXT))
            return whole if whole == wrap64(whole) else 0
        nanos = int(self.amount.scaleb(9, _CONTEXT))
        if nanos < 0:
            nanos = wrap64(nanos)
        size, rest = divmod(abs(nanos), 10 ** (9 - digits))
        return wrap64((size if nanos >= 0 else -size) + (rest > 0))

    def compare(self, other: Quantity) -> int:
        """Return -1, 0 or 1."""
        return (self.amount > other.amount) - (self.amount < other.amount)

    def plus(self, other: Quantity) -> Quantity:
        """Return the sum in the family of the left operand (of the right one when it is zero)."""
        family = self.family if self.amount else other.family
        return Quantity(_CONTEXT.add(self.amount, other.amount), family)

    def minus(self, other: Quantity) -> Quantity:
        """Return the difference in the family of the left operand."""
        family = self.family if self.amount else other.family
        return Quantity(_CONTEXT.subtract(self.amount, other.amount), family)

    def __str__(self) -> str:
        return self.written or _canonical(self.amount, self.family)


def _rounded(amount: Decimal) -> int:
    with localcontext(_CONTEXT):
        return int(amount.to_integral_value(rounding=ROUND_UP))


def parse_quantity(text: str) -> Quantity:
    """Return the quantity; raises QuantityError with Kubernetes' text."""
    match = _SHAPE.match(text) if 0 < len(text) <= _LONGEST else None
    if match is None:
        raise QuantityError(_SHAPE_FAULT)
    family, exponent = _suffix(match["suffix"])
    whole, part = match["whole"], match["part"] or ""
    digits = Decimal(f"{whole or '0'}.{part or '0'}")
    with localcontext(_CONTEXT):
        amount = digits * (2**exponent if family == "binary" else Decimal(1).scaleb(exponent))
        if amount and amount < _FINE and amount % _NANO:
            amount = amount.quantize(_NANO, rounding=ROUND_UP)
        if family == "binary":
            amount = min(amount, _LARGEST)
        amount = -amount if match["sign"] == "-" else amount
    written = text if _keeps_text(amount, family, exponent, whole, part) else ""
    return Quantity(amount, family, written, _is_short(family, exponent, whole, part))


def _is_short(family: Family, exponent: int, whole: str, part: str) -> bool:
    """Return whether the text is read without big decimals. Source: ParseQuantity."""
    digits = len(whole.lstrip("0") or "0") + len(part)
    if family == "binary":
        return not part and 15 - digits - int(exponent * 3 / 10) - 1 >= 0
    return digits <= 18 and exponent - len(part) >= -9


def _suffix(text: str) -> tuple[Family, int]:
    if text in _DECIMAL:
        return "decimal", _DECIMAL[text]
    if text in _BINARY:
        return "binary", _BINARY[text]
    exponent = _EXPONENT.match(text)
    if exponent is None or len(exponent[1]) > 4:
        raise QuantityError(_SUFFIX_FAULT)
    return "exponent", int(exponent[1])


def _keeps_text(amount: Decimal, family: Family, exponent: int, whole: str, part: str) -> bool:
    """Return whether Kubernetes prints the text as it was: already as short as can be."""
    if not amount or part or len(whole) > 15 or abs(amount) >= _LARGEST:
        return False
    if family == "binary":
        return int(whole) % 1024 != 0
    return exponent % 3 == 0 and exponent >= -9 and int(whole) % 1000 != 0


def _canonical(amount: Decimal, family: Family) -> str:
    if not amount:
        return "0"
    fraction = amount != amount.to_integral_value(context=_CONTEXT)
    if family == "binary" and (abs(amount) < 1024 or fraction):
        family = "decimal"
    if family == "binary":
        return _binary(int(amount))
    number, exponent = _thousands(amount)
    if family == "exponent":
        return f"{number}e{exponent}" if exponent else str(number)
    names = {power: name for name, power in _DECIMAL.items()}
    while exponent > 18:
        number, exponent = number * 1000, exponent - 3
    return f"{number}{names[exponent]}"


def _thousands(amount: Decimal) -> tuple[int, int]:
    number, exponent = int(amount.scaleb(9, _CONTEXT)), -9
    while number % 1000 == 0:
        number, exponent = number // 1000, exponent + 3
    return number, exponent


def _binary(number: int) -> str:
    power = 0
    while number % 1024 == 0 and power < 60:
        number, power = number // 1024, power + 10
    names = {bits: name for name, bits in _BINARY.items()}
    return f"{number}{names.get(power, '')}"


def read_quantity(value: Json) -> Quantity:
    """Return the quantity a JSON value holds; null is zero. Raises QuantityError."""
    if value is None:
        return Quantity(Decimal(0), "decimal")
    if isinstance(value, str):
        return parse_quantity(value.strip(" \t\r\n"))
    if isinstance(value, NumberText):
        return parse_quantity(value.text)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return parse_quantity(repr(value))
    raise QuantityError(_SHAPE_FAULT)
