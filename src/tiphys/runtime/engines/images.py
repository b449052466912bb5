"""The images of an engine: what they say about themselves, and how they get here.

Source: Kubernetes pkg/kubelet/images/image_manager.go. Differs: without a policy an image that is
here is not pulled again, whatever its tag; and pulling is given up after a few tries, where
Kubernetes would try for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tiphys.errors import NotFound, TiphysError
from tiphys.executor.env import Defaults
from tiphys.ports import Clock
from tiphys.runtime.engines.api import Api
from tiphys.runtime.engines.login import registry_login

_PAUSES_SECONDS: Final = (2.0, 5.0)
_REMEMBERED_SECONDS: Final = 60.0
_SAY_SECONDS: Final = 1.0
_MEGABYTE: Final = 1e6
REMEDY: Final = (
    "put the image on this machine, or choose a runtime that needs no images "
    "(--runtime sandbox or --runtime process)"
)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says: the words it runs, the user, the signal that ends it."""

    defaults: Defaults
    user: str = ""
    stop_signal: str = "SIGTERM"


class NoImage(TiphysError):
    """An image is not to be had; `reason` is the kubelet's word for it."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class EngineImages:
    """Knows the images that were looked at; pulls each at most once at a time."""

    def __init__(self, api: Api, clock: Clock, home: str) -> None:
        self._api = api
        self._clock = clock
        self._home = home
        self._known: dict[str, ImageConfig] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def config(self, image: str) -> ImageConfig:
        """Return what an image says that `ensure` has seen; nothing for any other."""
        return self._known.get(image, ImageConfig(Defaults(known=False)))

    async def ensure(self, image: str, policy: str, say: Callable[[str], None]) -> None:
        """Have an image here; `say` is told why that takes time. Raises NoImage, TiphysError."""
        if not image:
            raise NoImage("InvalidImageName", "the container has no image")
        async with self._locks.setdefault(image, asyncio.Lock()):
            if policy != "Always" and (image in self._known or await self._look(image)):
                return
            if policy == "Never":
                text = f'Container image "{image}" is not present with pull policy of Never'
                raise NoImage("ErrImageNeverPull", text)
            if policy != "Always" or image not in self._known:
                await self._pull(image, say)

    async def _look(self, image: str) -> bool:
        try:
            found = await self._api.get(f"/images/{image}/json")
        except NotFound:
            return False
        given = found.get("Config") or {}
        words = Defaults(tuple(given.get("Entrypoint") or ()), tuple(given.get("Cmd") or ()))
        self._known[image] = ImageConfig(
            words, given.get("User") or "", given.get("StopSignal") or "SIGTERM"
        )
        return True

    async def _pull(self, image: str, say: Callable[[str], None]) -> None:
        at, problem = self._failed.get(image, (0.0, ""))
        if not problem or at + _REMEMBERED_SECONDS < self._clock.now():
            problem = await self._try(image, say)
        if problem:
            text = f'Back-off pulling image "{image}": {problem.rstrip(".")}; {REMEDY}'
            raise NoImage("ImagePullBackOff", text)

    async def _try(self, image: str, say: Callable[[str], None]) -> str:
        """Pull, more than once if need be; return "" or the engine's last word."""
        problem = ""
        for pause in (*_PAUSES_SECONDS, None):
            try:
                await self._pull_once(image, say)
                self._failed.pop(image, None)
                return ""
            except TiphysError as exc:
                problem = str(exc)
            if pause is not None:
                say(f'ImagePullBackOff: Back-off pulling image "{image}": {problem}')
                await self._clock.sleep_until(self._clock.now() + pause)
        self._failed[image] = self._clock.now(), problem
        return problem

    async def _pull_once(self, image: str, say: Callable[[str], None]) -> None:
        say(f'Pulling image "{image}"')
        layers: dict[str, tuple[int, int]] = {}
        said_at = self._clock.now()
        headers = await asyncio.to_thread(registry_login, image, self._home)
        async for word in self._api.lines("/images/create", headers, fromImage=_full(image)):
            if text := word.get("error"):
                raise NoImage("ErrImagePull", str(text))
            _count(layers, word)
            if layers and self._clock.now() >= said_at + _SAY_SECONDS:
                said_at = self._clock.now()
                done, whole = (sum(side) / _MEGABYTE for side in zip(*layers.values(), strict=True))
                say(f'Pulling image "{image}": {done:.1f} of {whole:.1f} MB')
        if not await self._look(image):
            raise NoImage("ErrImagePull", "it was pulled, but is not there")


def _full(image: str) -> str:
    """Return the image with a tag: without one docker would pull all there are."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def _count(layers: dict[str, tuple[int, int]], word: Any) -> None:
    detail = word.get("progressDetail") or {}
    if word.get("status") == "Downloading" and detail.get("total"):
        layers[str(word.get("id"))] = int(detail.get("current") or 0), int(detail["total"])
