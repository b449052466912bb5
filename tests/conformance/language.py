"""Run the golden vectors of the small languages: `python -m tests.conformance.language [DIR]`.

Prints passed/total for each file and the failing ids; exits 1 when anything fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.conformance import language_checks as checks  # noqa: E402

Vector = dict[str, object]
Check = Callable[[Vector], "str | None"]
LONGEST = 300
DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "language"


def lines_of(path: Path) -> list[str]:
    """Return the lines; a line ends at a newline only, not at U+2028."""
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n")


def run_file(
    path: Path, check: Check, by_message: bool
) -> tuple[int, int, list[str], Counter[str]]:
    """Return passed, total, the failures with their reasons, and failures by group."""
    failures: list[str] = []
    groups: Counter[str] = Counter()
    total = 0
    for line in lines_of(path):
        vector = json.loads(line)
        total += 1
        reason = run_vector(check, vector)
        if reason is not None and (by_message or not reason.startswith("message:")):
            failures.append(f"{vector['id']}: {reason[:LONGEST]}")
            groups[vector["group"]] += 1
    return total - len(failures), total, failures, groups


def run_vector(check: Check, vector: Vector) -> str | None:
    try:
        return check(vector)
    except Exception as error:  # noqa: BLE001 - whatever it is, the vector fails
        if vector.get("error") == "panic" and isinstance(error, checks.LanguageError):
            return None
        return f"{type(error).__name__}: {error}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--only", action="append", default=[], help="file names without .jsonl")
    parser.add_argument("--limit", type=int, default=10, help="failing ids to list per file")
    parser.add_argument("--messages", action="store_true", help="require equal error texts too")
    options = parser.parse_args(argv)
    failed = 0
    for path in sorted(options.directory.glob("*.jsonl")):
        if options.only and path.stem not in options.only:
            continue
        check = checks.CHECKS.get(path.stem)
        if check is None:
            count = len(lines_of(path))
            print(f"{path.stem:18} 0/{count} not supported yet")
            failed += count
            continue
        start = time.perf_counter()
        passed, total, failures, groups = run_file(path, check, options.messages)
        spent = time.perf_counter() - start
        detail = " ".join(f"{name}:{count}" for name, count in groups.most_common())
        print(f"{path.stem:18} {passed}/{total}  {spent:.2f}s  {detail}")
        for failure in failures[: options.limit]:
            print(f"    {failure}")
        failed += len(failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
