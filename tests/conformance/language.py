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


def lines_of(path: Path) -> list[bytes]:
    """Return the lines that are not blank; a line ends at a newline only, not at U+2028."""
    return [line for line in path.read_bytes().split(b"\n") if line.strip()]


def run_file(
    path: Path, check: Check, by_message: bool
) -> tuple[int, int, list[str], Counter[str]]:
    """Return passed, total, the failures with their reasons, and failures by group."""
    failures: list[str] = []
    groups: Counter[str] = Counter()
    lines = lines_of(path)
    for number, line in enumerate(lines, 1):
        vector, reason = read_vector(line)
        if reason is None:
            reason = run_vector(check, vector)
        if reason is not None and (by_message or not reason.startswith("message:")):
            label = vector.get("id", f"{path.name}:{number}")
            failures.append(f"{label}: {reason[:LONGEST]}")
            groups[str(vector.get("group", "no group"))] += 1
    return len(lines) - len(failures), len(lines), failures, groups


def read_vector(line: bytes) -> tuple[Vector, str | None]:
    """Return the vector of a line, and why it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {}, f"not a vector: {error}"
    if not isinstance(found, dict) or "id" not in found:
        return {}, "not a vector: an object with an id is needed"
    return found, None


def run_vector(check: Check, vector: Vector) -> str | None:
    try:
        return check(vector)
    except Exception as error:  # noqa: BLE001 - whatever it is, the vector fails
        if vector.get("error") == "panic" and isinstance(error, checks.LanguageError):
            return None
        return f"{type(error).__name__}: {error}"


def files_of(place: Path) -> list[Path]:
    """Return the files of a folder, or the one that is named."""
    return [place] if place.is_file() else sorted(place.glob("*.jsonl"))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--only", action="append", default=[], help="file names without .jsonl")
    parser.add_argument("--limit", type=int, default=10, help="failing ids to list per file")
    parser.add_argument("--messages", action="store_true", help="require equal error texts too")
    parser.add_argument("--allow", type=int, default=0, help="failures that do not count")
    options = parser.parse_args(argv)
    wanted = [
        path
        for path in files_of(options.directory)
        if not options.only or path.stem in options.only
    ]
    if not wanted:
        parser.error(f"there are no such vectors in {options.directory}")
    failed = 0
    for path in wanted:
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
    return 1 if failed > options.allow else 0


if __name__ == "__main__":
    sys.exit(main())
