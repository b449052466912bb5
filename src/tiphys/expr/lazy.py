"""A map of an environment that is made when somebody first looks into it."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView

from tiphys.expr.values import Value


class LazyMap(dict[str, Value]):
    """A map whose members come from `make`; it must not be changed, nor copied by `dict()`."""

    def __init__(self, make: Callable[[], dict[str, Value]]) -> None:
        super().__init__()
        self._make = make

    def _filled(self) -> LazyMap:
        if not super().__len__():
            super().update(self._make())
        return self

    def __getitem__(self, key: str) -> Value:
        return super().__getitem__(key) if super().__len__() else self._filled()[key]

    def __contains__(self, key: object) -> bool:
        self._filled()
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._filled()
        return super().__iter__()

    def __len__(self) -> int:
        return len(self._make())

    def get(self, key: str, default: Value = None) -> Value:
        """Return a member."""
        self._filled()
        return super().get(key, default)

    def keys(self) -> KeysView[str]:  # type: ignore[override]  # as a mapping has them
        """Return the names."""
        self._filled()
        return super().keys()

    def values(self) -> ValuesView[Value]:  # type: ignore[override]  # as a mapping has them
        """Return the members."""
        self._filled()
        return super().values()

    def items(self) -> ItemsView[str, Value]:  # type: ignore[override]  # as a mapping has them
        """Return names and members."""
        self._filled()
        return super().items()
