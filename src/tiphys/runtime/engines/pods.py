"""The containers of a job at an engine: made before they start, removed at the end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from tiphys.errors import Conflict, NotFound, Permanent, TiphysError, Transient
from tiphys.executor import contract
from tiphys.executor.run import Member
from tiphys.model.base import JsonObject
from tiphys.model.containers import Container
from tiphys.runtime.engines import pause
from tiphys.runtime.engines.api import Api, is_gone
from tiphys.runtime.engines.body import (
    NODE_LABEL,
    RUN_LABEL,
    Net,
    body_of,
    holder_body,
    make_places,
    with_log,
)
from tiphys.runtime.engines.images import EngineImages

HOLDER: Final = "pod"
_OWN_NETWORK: Final = "tiphys"
_NAME_DIGITS: Final = 20
_PAUSES_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)
_Result = TypeVar("_Result")


def container_name(directory: str, container: str) -> str:
    """Return the name of a job's container at the engine: the same whoever asks."""
    known = hashlib.sha256(directory.encode()).hexdigest()[:_NAME_DIGITS]
    return f"tiphys-{known}-{container}"


_HIDDEN: Final = (
    "{} with httpGet or tcpSocket cannot be had: a pod's address cannot be reached from outside "
    "where the engine runs without root; use `exec`, or the setting `container_network: host`"
)


def _asked_from_outside(container: Container) -> str:
    """Return the probe or hook of a container that is a request to its address, "" if none is."""
    fields = {
        "startupProbe": container.startup_probe,
        "livenessProbe": container.liveness_probe,
        "readinessProbe": container.readiness_probe,
        **{name: (container.lifecycle or {}).get(name) for name in ("postStart", "preStop")},
    }
    for name, handler in fields.items():
        if isinstance(handler, dict) and ("httpGet" in handler or "tcpSocket" in handler):
            return name
    return ""


class EnginePods:
    """Makes and removes containers. `network` is a network's name, "" for the usual one."""

    def __init__(self, api: Api, images: EngineImages, network: str) -> None:
        self._api = api
        self._images = images
        self._network = network
        self._has_pause = False
        self._knows_podman: bool | None = None
        self._hides_pods = False

    async def make(self, members: Sequence[Member], is_pod: bool) -> None:
        """Make a job's containers. Raises a TiphysError; those of an earlier try are replaced."""
        await _tried(lambda: self._make(members, is_pod))

    async def _make(self, members: Sequence[Member], is_pod: bool) -> None:
        mode = await self._mode()
        net = Net(mode)
        for number, member in enumerate(members):
            if is_pod and number == 0 and mode != "host":
                holder = await self._make_holder(member, mode)
                # A container in another's network needs a host name, but not with docker.
                net = Net(mode, holder, await self._is_podman())
            if member.container is None:
                continue
            if self._hides_pods and (field := _asked_from_outside(member.container)):
                raise Permanent(_HIDDEN.format(field))
            make_places(member)
            image = self._images.config(member.container.image)
            body = body_of(member, member.container, image, net)
            if await self._is_podman():
                place = f"{member.layout.directory}/ctr/{member.name}"
                os.makedirs(place, exist_ok=True)
                body = with_log(body, f"{place}/{contract.ENGINE_LOG}")
            await self._create(container_name(member.layout.directory, member.name), body)

    async def _mode(self) -> str:
        """Return the network mode; without root only networks with a name connect containers."""
        if self._network:
            return self._network
        info = await self._api.get("/info")
        options = info.get("SecurityOptions") or ()  # docker's word; podman has a field of its own
        is_rootless = info.get("Rootless") is True or any("rootless" in item for item in options)
        self._network = "bridge"
        if is_rootless:
            self._network, self._hides_pods = _OWN_NETWORK, True
            try:
                await self._api.get(f"/networks/{_OWN_NETWORK}")
            except NotFound:
                with suppress(Conflict, Permanent):
                    await self._api.post("/networks/create", {"Name": _OWN_NETWORK})
        return self._network

    async def _is_podman(self) -> bool:
        if self._knows_podman is None:
            version = await self._api.get("/version")
            self._knows_podman = "podman" in str(version.get("Components")).lower()
        return self._knows_podman

    async def _make_holder(self, member: Member, mode: str) -> str:
        """Start the container that has the pod's network; write down where it is."""
        directory = member.layout.directory
        name = container_name(directory, HOLDER)
        if not self._has_pause:
            await self._make_pause()
        await self._create(name, holder_body(member, pause.IMAGE, mode))
        await self._api.post(f"/containers/{name}/start")
        given = (await self._api.get(f"/containers/{name}/json"))["NetworkSettings"]
        places = [given, *(given.get("Networks") or {}).values()]
        address = next((item["IPAddress"] for item in places if item.get("IPAddress")), "")
        contract.write_file(f"{directory}/{contract.ADDRESS}", address.encode())
        return name

    async def _make_pause(self) -> None:
        try:
            await self._api.get(f"/images/{pause.IMAGE}/json")
        except NotFound:
            layer = pause.pause_image(os.uname().machine)
            query = {"fromSrc": "-", "repo": pause.REPOSITORY, "tag": pause.TAG}
            await self._api.upload("/images/create", layer, **query)
        self._has_pause = True

    async def _create(self, name: str, body: JsonObject) -> None:
        try:
            await self._api.post("/containers/create", body, name=name)
        except TiphysError as exc:
            # Of an engine that died before its launcher started: nothing has run in it.
            if "in use" not in str(exc):
                raise
            await self.remove(name)
            await self._api.post("/containers/create", body, name=name)

    async def end(self, name: str) -> None:
        """Kill a container if it still runs."""
        with suppress(TiphysError):
            await self._api.post(f"/containers/{name}/kill", signal="KILL")

    async def remove(self, name: str) -> None:
        """Remove a container, whatever it does; unknown: no effect."""
        await self.end(name)
        await self._api.delete(f"/containers/{name}", force="1", v="1")

    async def remove_all(self, run: str, node: str = "") -> None:
        """Remove all containers of a run or of one of its jobs."""
        labels = [f"{RUN_LABEL}={run}", *([f"{NODE_LABEL}={node}"] if node else [])]
        filters = json.dumps({"label": labels})
        found: Any = await _tried(
            lambda: self._api.get("/containers/json", all="1", filters=filters)
        )
        # Those that use the network of another first.
        names = [str(item["Id"]) for item in found or ()]
        holders = {str(i["Id"]) for i in found or () if f"-{HOLDER}" in str(i.get("Names"))}
        for name in sorted(names, key=lambda item: item in holders):
            await self.remove(name)


async def _tried(work: Callable[[], Awaitable[_Result]]) -> _Result:
    """Return what `work` returns, tried again if the engine was busy with what others remove.

    podman may fail to make or to list containers while another of its users removes one that has
    nothing to do with it.
    """
    for seconds in _PAUSES_SECONDS:
        try:
            return await work()
        except (Transient, NotFound) as exc:
            if isinstance(exc, NotFound) and not is_gone(str(exc)):
                raise
        await asyncio.sleep(seconds)
    return await work()
