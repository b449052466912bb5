"""Go's `fmt.Sprintf` with one integer, as `withSequence.format` writes its items.

What does not fit is written as Go writes it (`%!s(int=7)`, `%!d(MISSING)`), never refused.
Source: Go fmt/print.go doPrintf, fmt/format.go; language.md 6.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tiphys.expr.gotext import is_printable, quote_body

_MOST: Final = 1_000_000
"""Source: Go fmt/print.go tooLarge."""
_BASES: Final = {"b": 2, "o": 8, "O": 8, "d": 10, "v": 10, "x": 16, "X": 16}
_PREFIXES: Final = {"b": "0b", "x": "0x", "X": "0X"}


@dataclass(slots=True)
class _Form:
    """What stands between `%` and its verb; no `precision` is None, no `width` 0."""

    flags: str = ""
    width: int = 0
    precision: int | None = None

    def has(self, flag: str) -> bool:
        return flag in self.flags


def sprintf(pattern: str, value: int) -> str:
    """Return an integer in the form of a Go printf pattern."""
    return _Printer(pattern, value).text()


class _Printer:
    """A pattern that is gone through; `argument` is the index of the next operand, of one."""

    def __init__(self, pattern: str, value: int) -> None:
        self._pattern = pattern
        self._value = value
        self._at = 0
        self._argument = 0
        self._is_good = True
        self._is_reordered = False
        self._after_index = False
        self._out: list[str] = []

    def text(self) -> str:
        pattern = self._pattern
        while self._at < len(pattern):
            plain = pattern.find("%", self._at)
            end = len(pattern) if plain < 0 else plain
            self._out.append(pattern[self._at : end])
            self._at = end + 1
            if plain >= 0:
                self._directive()
        if not self._is_reordered and self._argument == 0:
            self._out.append(f"%!(EXTRA int={self._value})")
        return "".join(self._out)

    def _directive(self) -> None:
        form = _Form()
        self._is_good, self._after_index = True, False
        while self._peek() in {"#", "0", "+", "-", " "}:
            form.flags += self._take()
        self._index()
        self._width(form)
        if self._peek() == "." and self._at + 1 < len(self._pattern):
            self._take()
            self._precision(form)
        if not self._after_index:
            self._index()
        if self._at >= len(self._pattern):
            self._out.append("%!(NOVERB)")
            return
        self._verb(form, self._take())

    def _verb(self, form: _Form, verb: str) -> None:
        if verb == "%":
            self._out.append("%")
        elif not self._is_good:
            self._out.append(f"%!{verb}(BADINDEX)")
        elif self._argument > 0:
            self._out.append(f"%!{verb}(MISSING)")
        else:
            self._argument += 1
            self._out.append(_written(self._value, form, verb))

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _width(self, form: _Form) -> None:
        if self._peek() == "*":
            self._take()
            width = self._operand()
            if width is None:
                self._out.append("%!(BADWIDTH)")
            elif width < 0:
                form.flags += "-"
            form.width = abs(width or 0)
            return
        width = self._number()
        if width is not None and self._after_index:
            self._is_good = False
        form.width = width or 0

    def _precision(self, form: _Form) -> None:
        if self._after_index:
            self._is_good = False
        self._index()
        if self._peek() != "*":
            form.precision = self._number() or 0
            return
        self._take()
        found = self._operand()
        form.precision = found if found is not None and found >= 0 else None
        if form.precision is None:
            self._out.append("%!(BADPREC)")

    def _operand(self) -> int | None:
        """Take the operand for a width or a precision; None if there is none that will do."""
        self._after_index = False
        if self._argument > 0:
            return None
        self._argument += 1
        return self._value if abs(self._value) <= _MOST else None

    def _number(self) -> int | None:
        begin = self._at
        while self._peek() in set("0123456789"):
            self._at += 1
        digits = self._pattern[begin : self._at]
        if _is_too_large(digits):
            self._at = len(self._pattern)
            return None
        return int(digits) if digits else None

    def _index(self) -> None:
        """Read `[n]`, which says which operand comes next; there is only the first."""
        self._after_index = False
        if self._peek() != "[":
            return
        self._is_reordered = True
        close = self._pattern.find("]", self._at)
        if close < 0 or len(self._pattern) < self._at + 3:
            self._at += 1
            self._is_good = False
            return
        digits = self._pattern[self._at + 1 : close]
        self._at = close + 1
        is_number = digits.isascii() and digits.isdigit() and not _is_too_large(digits)
        self._after_index = is_number
        if is_number and int(digits) == 1:
            self._argument = 0
        else:
            self._is_good = False


def _is_too_large(digits: str) -> bool:
    """Return whether Go gives up a number: when one digit more comes after a million."""
    return len(digits.lstrip("0")) > len(str(_MOST)) + 1 or int(digits[:-1] or 0) > _MOST


def _written(value: int, form: _Form, verb: str) -> str:
    if verb in _BASES:
        return _integer(value, form, verb)
    match verb:
        case "c":
            return _padded(_rune(value), form, zeros=True)
        case "q":
            return _padded(_quoted(_rune(value), form.has("+")), form, zeros=True)
        case "U":
            return _padded(_unicode(value, form), form)
        case "T":
            return _padded("int"[: form.precision], form, zeros=True)
        case _:
            return f"%!{verb}(int={_integer(value, form, 'v' if verb == 'w' else 'd')})"


def _integer(value: int, form: _Form, verb: str) -> str:
    """Return the number in the base of a verb. Source: Go fmt/format.go fmtInteger."""
    has_sign = value < 0 or (form.has("+") and verb != "v") or form.has(" ")
    if form.precision == 0 and value == 0:
        return " " * form.width
    least = form.precision or 0
    if form.precision is None and form.has("0") and not form.has("-"):
        least = form.width - has_sign
    digits = _digits(abs(value), _BASES[verb]).rjust(least, "0")
    if verb == "X":
        digits = digits.upper()
    if form.has("#") and verb in _PREFIXES:
        digits = _PREFIXES[verb] + digits
    elif form.has("#") and verb in {"o", "O"} and digits[0] != "0":
        digits = f"0{digits}"
    if verb == "O":
        digits = f"0o{digits}"
    sign = "-" if value < 0 else "+" if form.has("+") and verb != "v" else " " * has_sign
    return _padded(sign + digits, form)


def _digits(value: int, base: int) -> str:
    return format(value, {2: "b", 8: "o", 16: "x"}.get(base, "d"))


def _padded(text: str, form: _Form, zeros: bool = False) -> str:
    if form.has("-"):
        return text.ljust(form.width)
    return text.rjust(form.width, "0" if zeros and form.has("0") else " ")


def _rune(value: int) -> str:
    is_rune = 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF
    return chr(value) if is_rune else "\ufffd"


def _quoted(char: str, ascii_only: bool) -> str:
    if char in {"'", '"'}:
        return "'\\''" if char == "'" else "'\"'"
    if ascii_only and not char.isascii():
        code = ord(char)
        return f"'\\u{code:04x}'" if code < 0x10000 else f"'\\U{code:08x}'"
    return f"'{quote_body(char)}'"


def _unicode(value: int, form: _Form) -> str:
    code = value if value >= 0 else value + (1 << 64)
    text = f"U+{_digits(code, 16).upper().rjust(max(4, form.precision or 0), '0')}"
    rune = _rune(code)
    is_shown = form.has("#") and ord(rune) == code and is_printable(rune)
    return f"{text} '{rune}'" if is_shown else text
