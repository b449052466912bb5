"""The contract of stores, for each of them."""

from __future__ import annotations

import pytest

from tiphys.store.memory import Memory, MemoryStore
from tiphys.store.owners import Owner
from tiphys.store.sqlite import SqliteStore
from tiphys.testing.ledger_contract import LedgerContract
from tiphys.testing.store_contract import StoreContract


class MemoryHome:
    def __init__(self) -> None:
        self._memory = Memory()
        self._stores: dict[str, MemoryStore] = {}

    def open(self, owner: str) -> MemoryStore:
        self._stores[owner] = MemoryStore(self._memory, owner)
        return self._stores[owner]

    def kill(self, owner: str) -> None:
        self._stores[owner].close()


class SqliteHome:
    def __init__(self, path) -> None:
        self._path = path
        self._owners: dict[str, Owner] = {}
        self._stores: list[SqliteStore] = []

    def open(self, owner: str) -> SqliteStore:
        self._owners[owner] = Owner(self._path, owner)
        self._stores.append(SqliteStore(self._path, self._owners[owner]))
        return self._stores[-1]

    def kill(self, owner: str) -> None:
        self._owners.pop(owner).close()

    def close(self) -> None:
        for store in self._stores:
            store.close()
        for owner in self._owners.values():
            owner.close()


class TestMemoryStore(StoreContract, LedgerContract):
    @pytest.fixture
    def home(self):
        return MemoryHome()


class TestSqliteStore(StoreContract, LedgerContract):
    @pytest.fixture
    def home(self, tmp_path):
        place = SqliteHome(tmp_path)
        yield place
        place.close()
