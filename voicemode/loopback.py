"""Which hosts are this machine: the one definition, for keys, proxies, the network switch and who may ask."""


def is_loopback(host: str) -> bool:
    """True if `host`, a name or an IP address without brackets, is this machine as seen from itself."""
    from ipaddress import ip_address

    try:
        ip = ip_address(host)
    except ValueError:
        # Other names may be looked up in the network, those that end in .localhost too.
        return host.lower() == "localhost"
    # The same in every Python: only some look into an IPv4 address that is written as IPv6.
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
