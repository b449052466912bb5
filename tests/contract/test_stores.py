"""The contract of stores, for each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.postgres import run

from tiphys.store import postgres_leases
from tiphys.store.memory import Memory, MemoryStore
from tiphys.store.owners import Owner
from tiphys.store.postgres import PostgresStore
from tiphys.store.postgres_address import parse_address
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


class PostgresHome:
    """Owners of one home, or each of a home of its own, on one database."""

    def __init__(self, path: Path, url: str, is_shared: bool) -> None:
        self._path = path
        self.address = parse_address(url)
        self._is_shared = is_shared
        self._owners: dict[str, Owner] = {}
        self._stores: list[PostgresStore] = []

    def open(self, owner: str) -> PostgresStore:
        home = self._path if self._is_shared else self._path / owner
        home.mkdir(exist_ok=True)
        self._owners[owner] = Owner(home, owner)
        self._stores.append(PostgresStore(self.address, home, self._owners[owner]))
        return self._stores[-1]

    def kill(self, owner: str) -> None:
        self._owners.pop(owner).close()
        if not self._is_shared:  # elsewhere its death is known when its lease has run out
            past = "UPDATE tiphys.engines SET until = clock_timestamp() WHERE name = $1"
            run(self.address.url, past, owner)

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


class TestPostgresStore(StoreContract, LedgerContract):
    @pytest.fixture(params=[True, False], ids=["one-home", "many-homes"])
    def home(self, request, tmp_path, postgres, monkeypatch):
        monkeypatch.setattr(postgres_leases, "GRACE_SECONDS", 0)  # the server has just started
        place = PostgresHome(tmp_path, postgres.new(), request.param)
        yield place
        place.close()
