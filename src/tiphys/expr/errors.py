"""The errors of the small languages: a text in one of them is wrong, or cannot be evaluated.

Every public function of the room raises only these. The message is Argo's text where Argo has one.
"""

from __future__ import annotations

from tiphys.errors import UserError


class LanguageError(UserError):
    """A text in one of the small languages cannot be used; `message` says why."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class DurationError(LanguageError):
    """The text is not a duration."""


class TimeError(LanguageError):
    """The text is not a time of the given layout, or the zone is unknown."""


class NumberError(LanguageError):
    """The JSON number or value cannot be read."""


class RegexError(LanguageError):
    """The pattern is not a Go regular expression."""


class WhenError(LanguageError):
    """The `when` text cannot be parsed or evaluated."""


class DependsError(LanguageError):
    """The `depends` text cannot be used."""


class UnknownTask(DependsError):
    """A `depends` text names a task that does not exist; the message is its name."""


class SelectorError(LanguageError):
    """The selector cannot be parsed."""


class ConditionError(SelectorError):
    """A resource condition cannot be parsed; `side` is "success" or "failure"."""

    def __init__(self, message: str, side: str) -> None:
        self.side = side
        super().__init__(message)


class ExprError(LanguageError):
    """An expression cannot be compiled or evaluated."""


class ExprParseError(ExprError):
    """The expression is not well formed."""


class ExprTypeError(ExprError):
    """The expression is well formed and cannot mean anything: names, types, constants."""


class ExprRuntimeError(ExprError):
    """The evaluation failed."""


class ExprBoolError(ExprError):
    """A condition could not be evaluated to a bool."""


class TemplateError(LanguageError):
    """A text with tags cannot be resolved; `missing` when a variable may still appear later."""

    def __init__(self, message: str, missing: bool = False) -> None:
        self.missing = missing
        super().__init__(message)


class JsonPathError(LanguageError):
    """The JSON path cannot be parsed or does not fit the document."""


class JqError(LanguageError):
    """The filter uses what does not exist, or failed."""


class JqParseError(JqError):
    """The filter is not well formed."""


class CronError(LanguageError):
    """The schedule cannot be parsed."""


class QuantityError(LanguageError):
    """The text is not a quantity."""


class IntOrStringError(LanguageError):
    """The value is neither a 32-bit integer nor a string, or has no integer reading."""
