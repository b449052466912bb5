"""Where logs go: to standard error, as text or JSON; the audit log of a server to a file."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Final

from tiphys.errors import UserError


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS: Final = ("text", "json")


def set_up_logs(home: Path, form: str, level: str = "info") -> None:
    """Send a server's logs to standard error, and who did what to `audit.log` in the home."""
    _send(level, form)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    keep_audit(home)


def show_logs(level: str, form: str) -> None:
    """Send a command's logs to standard error. Raises UserError for words that mean nothing."""
    for flag, word, known in (("--loglevel", level, LEVELS), ("--log-format", form, FORMATS)):
        if word not in known:
            one_of = "|".join(known)
            raise UserError(f'invalid argument "{word}" for "{flag}" flag: One of: {one_of}')
    _send(level, form)


def _send(level: str, form: str) -> None:
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    stream = logging.StreamHandler()
    stream.setFormatter(JsonLines() if form == "json" else plain)
    logging.basicConfig(level=LEVELS[level], handlers=[stream])


def keep_audit(home: Path) -> None:
    """Send who did what to `audit.log` in the home, for its owner's eyes only."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "audit.log"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
    audit = logging.getLogger("tiphys.audit")
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(message)s"))
    audit.addHandler(file)
    audit.setLevel(logging.INFO)
    audit.propagate = False
