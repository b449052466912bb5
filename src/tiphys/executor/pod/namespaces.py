"""Linux namespaces: those that the containers of a pod share, and how to enter a container's.

A pod's containers have ipc and uts (the host name) in common and each its own processes, as in
Kubernetes. bubblewrap makes namespaces but joins none, so the launcher makes the common ones.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from typing import Final

_NEW_USER: Final = 0x10000000
_NEW_IPC: Final = 0x08000000
_NEW_UTS: Final = 0x04000000
_GET_USER_NAMESPACE: Final = 0xB701
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITIES: Final = 64
_DESCRIPTORS: Final = 1024
_libc = ctypes.CDLL(None, use_errno=True)


def share(host: str) -> bool:
    """Give this process and its children ipc and uts of their own; False if that is not allowed.

    A child tries first: there is no way back from a half-made user namespace.
    """
    child = os.fork()
    if child == 0:
        os._exit(0 if _unshare(host) else 1)
    if os.waitpid(child, 0)[1] != 0:
        return False
    return _unshare(host)


def _unshare(host: str) -> bool:
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_NEW_USER | _NEW_IPC | _NEW_UTS) != 0:
        return False
    try:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    except OSError:
        return False
    name = host.encode()
    return int(_libc.sethostname(name, len(name))) == 0


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def enter(pid: int) -> None:
    """Become a process of the container in which `pid` lives, with no more power than it has.

    Called in a child, which stays outside and ends with the exit code of the one inside.
    Raises OSError.
    """
    kinds = [kind for kind in ("mnt", "pid", "ipc", "uts") if not _is_ours(pid, kind)]
    spaces = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
    if not spaces:
        return
    owner = fcntl.ioctl(spaces[0], _GET_USER_NAMESPACE)
    _join(owner)
    for space in spaces:
        _join(space)
    inside = os.fork()  # only a child is in the new pid namespace
    if inside:
        os.closerange(3, _DESCRIPTORS)  # among them the one whose closing says "started"
        os._exit(os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1]) & 0xFF)
    _libc.prctl(1, 9, 0, 0, 0)  # dies with the one outside
    for number in range(_CAPABILITIES):
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _is_ours(pid: int, kind: str) -> bool:
    return os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")


def _join(space: int) -> None:
    if _libc.setns(space, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
