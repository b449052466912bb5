"""Run the corpus, print the score, and fail when something that passed no longer does."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.conformance.workflows import linted, real, simulated  # noqa: E402
from tests.conformance.workflows.corpus import Row, load  # noqa: E402
from tests.conformance.workflows.outcome import Outcome  # noqa: E402

PASSING = Path(__file__).resolve().parents[1] / "passing.txt"
Runner = Callable[[Row], Outcome]


def main(argv: list[str] | None = None) -> int:
    """Run the chosen modes (all of them if none is chosen) over a corpus."""
    options = _parser().parse_args(argv)
    rows = [row for row in load(options.directory) if options.only in row.label]
    chosen = [mode for mode in ("lint", "simulated", "real") if getattr(options, mode)]
    lost: list[str] = []
    for mode in chosen or ["lint", "simulated", "real"]:
        outcomes = _run(mode, rows, options)
        if outcomes is None:
            print(f"{mode}: not available yet")
            continue
        lost += _settle(mode, outcomes, options.update)
    if lost:
        print(f"\n{len(lost)} rows that passed before do not pass now: {', '.join(lost)}")
    return 1 if lost else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.conformance.workflows", description=__doc__)
    parser.add_argument("directory", type=Path, help="a corpus folder, or one that holds several")
    parser.add_argument("--real", action="store_true", help="run processes on this machine")
    parser.add_argument("--simulated", action="store_true", help="run in the simulated world")
    parser.add_argument("--lint", action="store_true", help="only check the documents")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--runtime", default="sandbox", help="runtime of the real runs")
    parser.add_argument("--jobs", type=int, default=2, help="rows at a time")
    parser.add_argument("--update", action="store_true", help="rewrite passing.txt")
    return parser


def _run(mode: str, rows: list[Row], options: argparse.Namespace) -> list[Outcome] | None:
    if mode == "simulated" and not simulated.available():
        return None
    begin = time.monotonic()
    runner, chosen = _work(mode, rows, options)
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(runner, chosen))
    outcomes = [_once_more(mode, outcome, runner) for outcome in outcomes]
    _print(mode, outcomes, time.monotonic() - begin)
    return outcomes


def _once_more(mode: str, outcome: Outcome, runner: Runner) -> Outcome:
    """Run a known row again, alone: on a loaded machine a deadline may be missed."""
    if outcome.verdict != "failed" or f"{mode} {outcome.row.label}" not in _recorded():
        return outcome
    print(f"  again, alone: {outcome.row.label}: {outcome.text}")
    return runner(outcome.row)


def _recorded() -> set[str]:
    return set(PASSING.read_text().split("\n")) - {""} if PASSING.exists() else set()


def _work(mode: str, rows: list[Row], options: argparse.Namespace) -> tuple[Runner, list[Row]]:
    if mode == "lint":
        return linted.run_row, rows
    judged = [row for row in rows if "phase" in row.data]
    if mode == "simulated":
        return simulated.run_row, judged
    chosen = [row for row in judged if row.data["local"] == "run"]
    return (lambda row: real.run_row(row, options.runtime)), chosen


def _print(mode: str, outcomes: list[Outcome], seconds: float) -> None:
    passed = [outcome for outcome in outcomes if outcome.verdict == "passed"]
    print(f"{mode}: {len(passed)}/{len(outcomes)} passed in {seconds:.0f} s")
    for verdict in ("failed", "refused"):
        for outcome in outcomes:
            if outcome.verdict == verdict:
                print(f"  {verdict} {outcome.row.label}: {outcome.text}")
    sys.stdout.flush()


def _settle(mode: str, outcomes: list[Outcome], update: bool) -> list[str]:
    """Return the rows that are recorded as passing and did not pass; rewrite the record."""
    known = _recorded()
    ran = {f"{mode} {outcome.row.label}" for outcome in outcomes}
    passed = {f"{mode} {o.row.label}" for o in outcomes if o.verdict == "passed"}
    if update:
        PASSING.write_text("".join(f"{name}\n" for name in sorted((known - ran) | passed)))
        return []
    return sorted((known & ran) - passed)


if __name__ == "__main__":
    sys.exit(main())
