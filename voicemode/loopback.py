"""The one definition of the hosts that are this machine: for keys, proxies, the egress guard and request guards."""


def is_loopback(host: str) -> bool:
    """True if `host`, a name or an IP address without brackets, is this machine as seen from itself."""
    from ipaddress import ip_address

    try:
        ip = ip_address(host)
    except ValueError:
        # Other names may be looked up on the network, even those that end in .localhost.
        return host.lower() == "localhost"
    # Unmapped here because only some versions of Python recognise an IPv4 loopback address in IPv6 notation.
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
