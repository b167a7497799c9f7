"""Whose program is at the other end of a Unix socket, as the kernel knows it."""

import socket
import struct

UNKNOWN = -1

SOL_LOCAL, LOCAL_PEERCRED = 0, 1
"""macOS and the BSDs; Python has no names for them everywhere."""
XUCRED_BYTES = 76
"""Of `struct xucred`: version, uid, number of groups, 16 groups."""


def peer_uid(visitor: socket.socket) -> int:
    """The uid of whoever connected `visitor`, a Unix socket; UNKNOWN if the kernel does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        return ucred_uid(visitor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII")))
    return xucred_uid(visitor.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, XUCRED_BYTES))


def ucred_uid(credentials: bytes) -> int:
    """The uid in a Linux `struct ucred`: pid, uid, gid."""
    _, uid, _ = struct.unpack("iII", credentials)
    return int(uid)


def xucred_uid(credentials: bytes) -> int:
    """The uid in a `struct xucred`; UNKNOWN in any version of it but the one there has been so far."""
    version, uid = struct.unpack_from("II", credentials)
    return UNKNOWN if version else int(uid)
