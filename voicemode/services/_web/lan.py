"""The addresses and names by which others in the local network reach this machine."""

import ipaddress
import socket

DOCUMENTATION = ("192.0.2.1", 9)
"""An address nobody has: asked only which way a packet to it would take. None is sent."""


def lan_addresses() -> tuple[str, ...]:
    """IPv4 addresses of this machine in private networks, those by which it reaches others first. Blocks, shortly."""
    import psutil

    interfaces, states = psutil.net_if_addrs(), psutil.net_if_stats()
    up = [one for name, found in interfaces.items() if name in states and states[name].isup for one in found]
    addresses = dict.fromkeys(one.address for one in up if one.family == socket.AF_INET and is_lan(one.address))
    outward = _outward_address()
    return tuple(sorted(addresses, key=lambda address: address != outward))


def is_lan(address: str) -> bool:
    """Whether only those in the same network can reach `address`."""
    known = ipaddress.ip_address(address)
    return not (known.is_global or known.is_loopback or known.is_link_local or known.is_multicast or known.is_unspecified)


def own_names() -> tuple[str, ...]:
    """What this machine is called in its network."""
    name = socket.gethostname().partition(".")[0].lower()
    return (name, f"{name}.local") if name and name != "localhost" else ()


def _outward_address() -> str:
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(DOCUMENTATION)
            return str(asking.getsockname()[0])
        except OSError:
            return ""
