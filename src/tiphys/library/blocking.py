"""Waiting for a coroutine from code that is none, also where an event loop runs already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, TypeVar

_Found = TypeVar("_Found")
_LOOK_SECONDS = 0.1
_Work = Coroutine[Any, Any, _Found]
_Place = tuple[asyncio.AbstractEventLoop, "asyncio.Task[Any] | None"]


def blocking(work: _Work[_Found], run: Callable[[_Work[_Found]], _Found] = asyncio.run) -> _Found:
    """Bring a coroutine to its end with `run` and return its result.

    In a notebook this thread has a loop that cannot run a second one: then a thread does it.
    Ctrl-C cancels the coroutine and waits for it, there as here.
    """
    return _aside(work, run) if _has_loop() else run(work)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _aside(work: _Work[_Found], run: Callable[[_Work[_Found]], _Found]) -> _Found:
    place: Future[_Place] = Future()
    done: Future[_Found] = Future()

    async def located() -> _Found:
        place.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

    def main() -> None:
        try:
            done.set_result(run(located()))
        except BaseException as exc:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(exc)

    thread = Thread(target=main, name="tiphys")
    thread.start()
    try:
        _wait_for(done, asyncio.current_task())
        return done.result()
    except (KeyboardInterrupt, asyncio.CancelledError):
        loop, task = place.result()
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()


def _wait_for(done: Future[_Found], waiter: asyncio.Task[Any] | None) -> None:
    """Return when it is done. Raises CancelledError if the task that waits is cancelled.

    A loop answers Ctrl-C by cancelling its main task, which hears nothing of it while it waits.
    """
    while not wait([done], _LOOK_SECONDS).done:
        if waiter is not None and waiter.cancelling():
            raise asyncio.CancelledError
