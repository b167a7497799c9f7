"""Sockets of this machine."""

import os
import socket

from voicemode.engines.server.sockets import TcpSocket, tcp_sockets


def test_who_listens_and_who_is_connected_is_told_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as caller:
            own = caller.getsockname()
            found = tcp_sockets()
    assert TcpSocket("127.0.0.1", address[1], os.getpid(), listening=True) in found
    assert TcpSocket("127.0.0.1", own[1], os.getpid(), listening=False) in found
