"""Directories that are made before anybody needs them."""

from __future__ import annotations

import os
import shutil

import pytest

from tiphys.executor import contract
from tiphys.runtime.blanks import FOLDER, Blanks

pytestmark = pytest.mark.anyio


async def stocked(runs, fill=contract.fill_blank, times=3):
    """Return blanks that were asked so many times to have some."""
    blanks = Blanks(runs, fill)
    assert not blanks.take(str(runs / "run" / "early"))
    for _ in range(times):
        blanks.refill()
        await blanks.wait_until_made()
    return blanks


def waiting(runs):
    return [path for path in (runs / FOLDER).glob("*/*") if path.is_dir()]


async def test_nothing_is_made_for_a_single_job(tmp_path):
    blanks = await stocked(tmp_path, times=1)
    assert not (tmp_path / FOLDER).exists()
    await blanks.close()


async def test_a_blank_is_moved_to_where_a_job_wants_it(tmp_path):
    blanks = await stocked(tmp_path)
    target = tmp_path / "run" / "job"
    assert blanks.take(str(target))
    assert target.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in target.rglob("*")} == {
        *("lock", "pid", "template", "usage", "report.tmp"),
        *("ctr", "main", "combined", "exitcode.tmp"),
    }
    await blanks.close()


async def test_what_is_empty_says_nothing_of_a_job(tmp_path):
    contract.fill_blank(str(tmp_path))
    place = str(tmp_path)
    assert (contract.read_pid(place), contract.read_usage(place)) == (None, None)
    assert (contract.read_exit_code(place), contract.read_report(place)) == (None, None)


async def test_a_directory_that_is_there_is_not_replaced(tmp_path):
    blanks = await stocked(tmp_path)
    target = tmp_path / "run" / "job"
    target.mkdir(parents=True)
    before = len(waiting(tmp_path))
    assert not blanks.take(str(target))
    assert (len(waiting(tmp_path)), os.listdir(target)) == (before, [])
    await blanks.close()


async def test_more_are_made_when_few_are_left(tmp_path):
    blanks = await stocked(tmp_path, times=9)
    count = len(waiting(tmp_path))
    for number in range(count):
        assert blanks.take(str(tmp_path / "run" / f"job-{number}"))
    blanks.refill()
    await blanks.wait_until_made()
    assert len(waiting(tmp_path)) > count > 1
    await blanks.close()


async def test_a_blank_that_somebody_removed_is_none(tmp_path):
    blanks = await stocked(tmp_path)
    for path in waiting(tmp_path):
        shutil.rmtree(path)
    assert not blanks.take(str(tmp_path / "run" / "job"))
    await blanks.close()


async def test_nothing_is_left_when_it_is_closed(tmp_path):
    blanks = await stocked(tmp_path)
    await blanks.close()
    assert not (tmp_path / FOLDER).exists()


async def test_only_what_a_dead_engine_left_is_removed(tmp_path):
    left = tmp_path / FOLDER / "left"
    (left / "blank" / "ctr").mkdir(parents=True)
    living = await stocked(tmp_path)
    mine = len(waiting(tmp_path))
    assert not left.exists()
    other = await stocked(tmp_path)
    assert len(waiting(tmp_path)) == 2 * mine
    assert living.take(str(tmp_path / "run" / "job"))
    await living.close()
    await other.close()


async def test_a_disk_that_refuses_leaves_it_to_the_jobs(tmp_path):
    def full(_path):
        raise OSError("no space left")

    blanks = await stocked(tmp_path, full)
    assert not blanks.take(str(tmp_path / "run" / "job"))
    blanks.refill()
    await blanks.close()
