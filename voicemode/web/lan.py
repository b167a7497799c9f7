"""The addresses and names of this machine in the local network."""

import ipaddress
import re
import socket

DOCUMENTATION = ("192.0.2.1", 9)
"""Unassigned address and port (TEST-NET-1), used to look up the route of a packet; none is sent."""
INNER = re.compile(r"(docker|podman|cni|virbr|lxcbr|lxdbr|vboxnet|vmnet)[\w-]*|br-[0-9a-f]{12}")
"""Interfaces of containers and virtual machines: no phone is there, and each new one would force a new certificate."""


def lan_addresses() -> tuple[str, ...]:
    """Return this machine's IPv4 addresses in private networks, that of the default route first. Blocks briefly."""
    import psutil

    interfaces, states = psutil.net_if_addrs(), psutil.net_if_stats()
    names = [name for name in interfaces if name in states and states[name].isup and not INNER.fullmatch(name)]
    up = [one for name in names for one in interfaces[name]]
    addresses = dict.fromkeys(one.address for one in up if one.family == socket.AF_INET and is_lan(one.address))
    outward = _outward_address()
    return tuple(sorted(addresses, key=lambda address: address != outward))


def is_lan(address: str) -> bool:
    """True if `address` can be reached from its own network only."""
    known = ipaddress.ip_address(address)
    return not (known.is_global or known.is_loopback or known.is_link_local or known.is_multicast or known.is_unspecified)


def own_names() -> tuple[str, ...]:
    """Return the names of this machine in its network."""
    return names_of(socket.gethostname())


def names_of(host: str) -> tuple[str, ...]:
    """Return the network names of a machine called `host`; empty if a certificate cannot hold the name. Pure."""
    name = host.partition(".")[0].lower()
    return (name, f"{name}.local") if name.isascii() and name not in ("", "localhost") else ()


def _outward_address() -> str:
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(DOCUMENTATION)
            return str(asking.getsockname()[0])
        except OSError:
            return ""
