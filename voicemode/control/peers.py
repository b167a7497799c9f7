"""User id of the process at the other end of a Unix socket, from the kernel."""

import socket
import struct

UNKNOWN = -1

SOL_LOCAL, LOCAL_PEERCRED = 0, 1
"""Values on macOS and the BSDs; Python does not name them everywhere."""
XUCRED_BYTES = 76
"""Size of `struct xucred`: version, uid, number of groups, 16 groups."""


def peer_uid(visitor: socket.socket) -> int:
    """Return the uid of the process that connected `visitor`, a Unix socket; UNKNOWN if the kernel does not report it."""
    if hasattr(socket, "SO_PEERCRED"):
        return ucred_uid(visitor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII")))
    return xucred_uid(visitor.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, XUCRED_BYTES))


def ucred_uid(credentials: bytes) -> int:
    """Return the uid in a Linux `struct ucred`: pid, uid, gid."""
    _, uid, _ = struct.unpack("iII", credentials)
    return int(uid)


def xucred_uid(credentials: bytes) -> int:
    """Return the uid in a `struct xucred`; UNKNOWN for any version except 0, the only one so far."""
    version, uid = struct.unpack_from("II", credentials)
    return UNKNOWN if version else int(uid)
