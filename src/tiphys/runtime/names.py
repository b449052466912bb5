"""How pods find each other by name: those of one subdomain, as behind a headless Service.

No runtime of one machine has a name server that would know them. Each such pod has a file of its
own at /etc/hosts, which is written again, in place, whenever a peer gets an address or ends.
Where pods share the machine's network each has an address of its own on the loopback device.
Differs: in a cluster there must be a Service of the subdomain's name; here the subdomain will do.
Source: Kubernetes pkg/kubelet/kubelet_pods.go, nodeHostsFile; reference/kubernetes.md 18.4.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tiphys.executor import contract
from tiphys.messages import JobSpec
from tiphys.model.ids import NodeId
from tiphys.runtime.entry import Entry

HOSTS: Final = "/etc/hosts"
PLAIN: Final = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)
_MARK: Final = "# Pods of the same subdomain\n"
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_CLUSTER: Final = "svc.cluster.local"
_FILE_BYTES: Final = 1 << 20


def is_named(job: JobSpec) -> bool:
    """Tell whether other pods can find a job's pod by its name."""
    parts = (job.hostname, job.subdomain, job.namespace)
    return all(map(_LABEL.fullmatch, parts))


def loopback_of(job: JobSpec) -> str:
    """Return a pod's own address where it shares the machine's network; always the same one."""
    known = f"{job.namespace}/{job.subdomain}/{job.hostname}"
    first, second, third, *_ = hashlib.sha256(known.encode()).digest()
    return f"127.{1 + first % 254}.{second}.{1 + third % 254}"


def machine_hosts() -> str:
    """Return what this machine's own file says."""
    content = contract.read_file(os.path.realpath(HOSTS), _FILE_BYTES)
    text = (content or PLAIN.encode()).decode("utf-8", "replace")
    return text if text.endswith("\n") else text + "\n"


@dataclass(slots=True)
class _Pod:
    """A pod, its address, and the addresses that it is told, by host name.

    `waits` says that its address is not known yet.
    """

    entry: Entry
    address: str
    told: dict[str, str] = field(default_factory=dict)
    waits: bool = False


class Names:
    """The pods of a runtime that have names; `base` is what their files begin with."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._pods: dict[tuple[str, str], dict[NodeId, _Pod]] = {}
        self._changed = asyncio.Event()

    def add(self, entry: Entry, address: str) -> None:
        """Take in a pod, which has a directory. What its file says already it goes on saying."""
        if not is_named(entry.spec):
            return
        pods = self._pods.setdefault(_group(entry), {})
        pod = _Pod(entry, address, _read(entry), waits=not address)
        pod.told |= {it.entry.spec.hostname: it.address for it in pods.values() if it.address}
        pods[entry.spec.id] = pod
        self._tell(pod)

    def learn(self, entry: Entry, address: str) -> None:
        """Say where a pod is, "" if it has no address at all."""
        pod = self._pods.get(_group(entry), {}).get(entry.spec.id)
        if pod is not None:
            pod.address, pod.waits = address, False
            self._tell(pod)

    def remove(self, entry: Entry) -> None:
        """Forget a pod that is over, unless its next attempt has the name already."""
        pods = self._pods.get(_group(entry), {})
        pod = pods.pop(entry.spec.id, None)
        if pod is None:
            return
        for other in pods.values():
            if other.told.get(entry.spec.hostname) == pod.address:
                del other.told[entry.spec.hostname]
                self._write(other)
        if not pods:
            del self._pods[_group(entry)]
        self._awake()

    async def settled(self, entry: Entry) -> None:
        """Wait until all pods that begin together with this one have addresses."""
        pods = self._pods.get(_group(entry), {})
        while any(pod.waits and pod.entry.state == "staging" for pod in pods.values()):
            await self._changed.wait()

    def _tell(self, pod: _Pod) -> None:
        for other in self._pods[_group(pod.entry)].values():
            if pod.address:
                other.told[pod.entry.spec.hostname] = pod.address
            if pod.address or other is pod:
                self._write(other)
        self._awake()

    def _awake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _write(self, pod: _Pod) -> None:
        lines = [_line(pod.entry.spec, host, where) for host, where in pod.told.items()]
        with suppress(OSError):  # the directory may have been removed under us
            _put(_file(pod.entry), (self._base + _MARK + "".join(lines)).encode())


def _group(entry: Entry) -> tuple[str, str]:
    return entry.spec.namespace, entry.spec.subdomain


def _file(entry: Entry) -> str:
    return f"{entry.directory}/{contract.HOSTS}"


def _line(job: JobSpec, host: str, address: str) -> str:
    """Return a line: the pod's names from the longest on, and those of its Service."""
    service = f"{job.subdomain}.{job.namespace}"
    names = [f"{host}.{service}.{_CLUSTER}", f"{host}.{service}.svc", f"{host}.{service}"]
    names += [f"{host}.{job.subdomain}", *([host] if host == job.hostname else ())]
    names += [f"{service}.{_CLUSTER}", f"{service}.svc", service, job.subdomain]
    return f"{address}\t{' '.join(names)}\n"


def _read(entry: Entry) -> dict[str, str]:
    """Return what a pod's file says already: an earlier engine may have started it."""
    content = (contract.read_file(_file(entry), _FILE_BYTES) or b"").decode("utf-8", "replace")
    return dict(_told(content.partition(_MARK)[2]))


def _told(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        address, *names = line.split()[:2]
        for name in names:
            yield name.partition(".")[0], address


def _put(path: str, content: bytes) -> None:
    """Write over what is there: it is mounted, and read at any moment, never half done."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        surplus = os.fstat(fd).st_size - len(content)
        os.pwrite(fd, content + b"\n" * max(0, surplus), 0)
        os.ftruncate(fd, len(content))
    finally:
        os.close(fd)
