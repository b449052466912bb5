"""Which hosts and addresses an HTTP template may reach: protection against server-side requests.

A workflow's author chooses the URL, but the request is made from the engine's place in the
network. A host name is checked before it is looked up, and every address right before a socket is
connected to it, so a name that resolves differently the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

from tiphys.errors import Permanent

METADATA: Final = ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32")
"""Link-local addresses, and where clouds answer with the credentials of the machine."""

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class RefusedAddress(Permanent):
    """The rules do not let this host or address be reached."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Hosts are patterns as in a shell, without regard to case; addresses are CIDRs.

    A host is refused if `deny_hosts` has it, or if there are `allow_hosts` and they do not have
    it. An address is refused if `deny_addresses` has it and `allow_addresses` has not. Both must
    pass. By default everything but `METADATA` can be reached.
    """

    allow_hosts: tuple[str, ...] = ()
    deny_hosts: tuple[str, ...] = ()
    allow_addresses: tuple[str, ...] = ()
    deny_addresses: tuple[str, ...] = METADATA

    def check_host(self, host: str) -> None:
        """Raise RefusedAddress if a name, or an address written as one, is not to be reached."""
        plain = host.strip("[]").rstrip(".").lower()
        if _matches(plain, self.deny_hosts) or (
            self.allow_hosts and not _matches(plain, self.allow_hosts)
        ):
            raise RefusedAddress(f"the address rules do not allow the host {plain}")

    def check_address(self, text: str) -> None:
        """Raise RefusedAddress if an address is not to be reached."""
        address = _plain(ipaddress.ip_address(text.partition("%")[0]))
        if _within(address, self.deny_addresses) and not _within(address, self.allow_addresses):
            raise RefusedAddress(f"the address rules do not allow the address {address}")


def parse_network(text: str) -> str:
    """Return a CIDR, or a single address as one. Raises ValueError."""
    return str(ipaddress.ip_network(text, strict=False))


def _matches(host: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(host, pattern.lower()) for pattern in patterns)


def _within(address: _Address, networks: Sequence[str]) -> bool:
    found: Sequence[_Network] = [ipaddress.ip_network(text, strict=False) for text in networks]
    return any(address.version == net.version and address in net for net in found)


def _plain(address: _Address) -> _Address:
    """Return the address that is really reached: IPv4 inside IPv6, this host as loopback."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            address = inner
    if address.is_unspecified:
        return ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return address
