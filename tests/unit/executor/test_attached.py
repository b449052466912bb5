"""What is attached to a container, with engines that behave as podman does now and then."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tiphys.executor import run

ATTACHED = Path(run.__file__).with_name("attached.py")
LOST = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
IMPROPER = "can only attach to created or running containers: container state improper"


def frame(target, text):
    return bytes([target, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def answer(status, content):
    body = json.dumps(content).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Engine:
    """Answers each kind of request with what is next in its list, the last one again and again."""

    def __init__(self, folder, kept=None, **answers):
        self.asked = []
        self._kept, self._folder = kept, folder
        self._answers = {
            "attach": [LOST],
            "start": [answer(204, None)],
            "json": [answer(200, {"State": {"Status": "exited", "ExitCode": 9}})],
            **answers,
        }
        self.path = str(folder / "engine.sock")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(self.path)
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                stream, _ = self._socket.accept()
            except OSError:
                return
            with stream:
                words = stream.recv(65536).split()
                kind = words[1].decode().partition("?")[0].rpartition("/")[2]
                self.asked.append(kind)
                if kind == "start" and self._kept is not None:
                    (self._folder / "engine.log").write_bytes(self._kept)
                known = self._answers[kind]
                stream.sendall(known.pop(0) if known[1:] else known[0])

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def attach(tmp_path):
    engines = []

    def run_attached(**given):
        engine = Engine(tmp_path, **given)
        engines.append(engine)
        words = (
            "run",
            engine.path,
            "it",
            str(tmp_path),
            "SIGTERM",
            str(tmp_path / "log"),
            "-",
            "sh",
        )
        python = (sys.executable, "-I", "-S", str(ATTACHED))
        done = subprocess.run([*python, *words], capture_output=True, check=False, timeout=60)
        return engine, done.returncode, done.stdout, done.stderr

    yield run_attached
    for engine in engines:
        engine.close()


def test_what_the_stream_lost_is_taken_from_the_kept_log(attach, tmp_path):
    at = b"2026-11-29T01:48:32.787409107+00:00"
    kept = b"".join(
        at + line + b"\n"
        for line in (b" stdout F run", b" stderr F  two words\r", b" stdout F ", b" stdout P end")
    )
    _, code, out, err = attach(kept=kept)
    assert (code, out, err) == (9, b"run\n\nend", b" two words\r\n")
    assert not (tmp_path / "engine.log").exists()


def test_what_comes_both_ways_is_written_once(attach):
    kept = b"2026-11-29T01:48:32.7+00:00 stdout F run\n"
    _, _, out, _ = attach(kept=kept, attach=[LOST + frame(1, b"run\n")])
    assert out == b"run\n"


def test_without_a_kept_log_the_stream_is_all_there_is(attach):
    _, code, out, err = attach(attach=[LOST + frame(1, b"to be ") + frame(2, b"or not")])
    assert (code, out, err) == (9, b"to be ", b"or not")


def test_what_an_earlier_run_left_is_not_written_again(attach, tmp_path):
    (tmp_path / "engine.log").write_bytes(b"2026-11-29T01:48:32.7+00:00 stdout F before\n")
    _, _, out, _ = attach()
    assert out == b""


@pytest.mark.parametrize("refused", ["attach", "start"])
def test_what_podman_refuses_while_it_cleans_up_is_asked_again(attach, refused):
    later = {"attach": LOST, "start": answer(204, None)}[refused]
    engine, code, _, _ = attach(**{refused: [answer(409, {"message": IMPROPER}), later]})
    assert code == 9
    assert engine.asked.count(refused) == 2


def test_any_other_refusal_is_the_end(attach, tmp_path):
    engine, code, _, _ = attach(start=[answer(500, {"message": "no room"})])
    assert (code, engine.asked.count("start")) == (64, 1)
    assert (tmp_path / "log").read_text() == "failed to start command: no room"


def test_a_container_that_has_run_is_started_again_when_podman_has_cleaned_up(attach, tmp_path):
    (tmp_path / "up").touch()
    states = [{"Status": "stopping"}, {"Status": "stopped"}, {"Status": "exited", "ExitCode": 3}]
    engine, code, _, _ = attach(json=[answer(200, {"State": state}) for state in states])
    assert code == 3
    assert engine.asked.index("attach") == 3
    assert os.path.exists(tmp_path / "up")


@pytest.mark.parametrize("status", [404, 500])
def test_a_container_that_somebody_has_removed_is_said_to_be(attach, tmp_path, status):
    _, code, _, _ = attach(json=[answer(status, {"message": "No such container: it"})])
    assert code == 255
    assert (tmp_path / "log").read_text() == "the container was removed by somebody else"


def test_an_engine_that_fails_once_to_say_how_a_container_ended_is_asked_again(attach):
    busy = answer(500, {"message": "database is locked"})
    engine, code, _, _ = attach(
        json=[busy, answer(200, {"State": {"Status": "exited", "ExitCode": 7}})]
    )
    assert (code, engine.asked.count("json")) == (7, 2)


def test_what_podman_cannot_start_because_of_what_others_remove_is_started_again(attach):
    busy = answer(500, {"message": "no container with ID 1 found in database: no such container"})
    engine, code, _, _ = attach(start=[busy, answer(204, None)])
    assert (code, engine.asked.count("start")) == (9, 2)
