"""Many more random programs and faults than a test run can afford: `make soak`.

`python -m tests.properties.soak [--seeds N] [--faults N]`. The cases are those of the tests, run
without pytest, which spends ten times more on each of ten thousand cases than the case itself.
Prints every seed that fails, with what failed, and exits with 1. One that has not come to an end
after two minutes fails too, and what it was doing then is shown.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import Pool

from tests.faults import test_engine_dies as faults
from tests.properties import test_engine as engine
from tests.properties import test_operations as operations

from tiphys.controller import commits

Case = Callable[[int], None]
SNAPSHOT_EVERY = 20
MOST_SECONDS = 120
"""A case takes some hundredths of a second, the slowest a few seconds."""
PROPERTIES: tuple[Case, ...] = (
    engine.test_a_run_that_loses_its_memory_ends_as_one_that_does_not,
    engine.test_whatever_people_do_a_run_ends,
    operations.test_a_retry_of_what_failed_succeeds_when_its_jobs_do,
    operations.test_whatever_people_do_a_run_that_is_retried_ends,
)
FAULTS: tuple[Case, ...] = (
    faults.test_a_run_ends_as_if_nothing_had_gone_wrong,
    faults.test_a_run_that_people_act_on_ends_whatever_goes_wrong,
    faults.test_a_retried_run_ends_as_if_nothing_had_gone_wrong,
    faults.test_a_run_that_ran_ahead_of_its_store_ends_as_if_nothing_had_gone_wrong,
    faults.test_a_run_that_people_act_on_ends_though_it_ran_ahead,
    faults.test_a_retried_run_that_ran_ahead_ends_as_if_nothing_had_gone_wrong,
)
CASES = PROPERTIES + FAULTS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="programs for each property")
    parser.add_argument("--faults", type=int, default=500, help="seeds of faults for each test")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", default="", help="only cases with this in their names")
    options = parser.parse_args()
    failed = 0
    with Pool(initializer=frequent_snapshots) as pool:
        for index, case in enumerate(CASES):
            if options.only not in case.__name__:
                continue
            count = options.seeds if case in PROPERTIES else options.faults
            began = time.perf_counter()
            work = ((index, seed) for seed in range(options.first, options.first + count))
            found = [said for said in pool.imap_unordered(tried, work, 20) if said]
            spent = time.perf_counter() - began
            sys.stdout.write(f"{case.__name__}: {count:,} seeds in {spent:.0f} s\n")
            sys.stdout.writelines(lines(found))
            failed += len(found)
    return 1 if failed else 0


def frequent_snapshots() -> None:
    """Let runs be revived from snapshots, which short ones would never have."""
    commits._SNAPSHOT_EVERY = SNAPSHOT_EVERY


def tried(work: tuple[int, int]) -> str:
    """Return what failed, "" if nothing did."""
    index, seed = work
    signal.signal(signal.SIGALRM, hang)
    signal.alarm(MOST_SECONDS)
    try:
        CASES[index](seed)
    except Exception:  # noqa: BLE001 - whatever it is, the seed fails
        return f"seed {seed}:\n{traceback.format_exc(limit=-4)}"
    finally:
        signal.alarm(0)
    return ""


def hang(_: int, __: object) -> None:
    """Raise TimeoutError: a case hangs."""
    raise TimeoutError(f"not at an end after {MOST_SECONDS} s")


def lines(found: list[str]) -> Iterator[str]:
    for said in found:
        yield from (f"    {line}\n" for line in said.splitlines())
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
