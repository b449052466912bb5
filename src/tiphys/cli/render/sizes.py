"""Numbers of bytes, and how far a transfer has come, for people."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """Return a number of bytes with three digits or so: `812 B`, `1.4 GiB`."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return (
        f"{count:.0f} {_UNITS[unit]}" if not unit or count >= 100 else f"{count:.1f} {_UNITS[unit]}"
    )


def transfer(what: str, moved_bytes: int, total_bytes: int | None, rate: float = 0.0) -> str:
    """Return `what: 1.2 GiB of 3.0 GiB, 40%, 85 MiB/s`; `rate` is in bytes a second, 0 unknown."""
    pieces = [size(moved_bytes)] if moved_bytes or total_bytes else []
    if total_bytes and pieces:
        share = min(100, 100 * moved_bytes // total_bytes)
        pieces = [f"{pieces[0]} of {size(total_bytes)}", f"{share}%"]
    pieces += [f"{size(rate)}/s"] if rate >= 1 else []
    return f"{what}: {', '.join(pieces)}" if pieces else what
