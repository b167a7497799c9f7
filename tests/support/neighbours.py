"""Listeners on the usual ports of VoiceMode's services, as on a user's machine.

They are part of every test run, and detect tests that look at what else runs on the machine.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import psutil

USUAL_PORTS = (2022, 3000, 7880, 8880)
NOBODY = {f"VOICEMODE_{name}_PORT": "9" for name in ("WHISPER", "KOKORO", "LIVEKIT", "FRONTEND")}
"""Settings for ports on which nothing listens."""


class Neighbours:
    """Listens on each free port of USUAL_PORTS, and records connections. A port in use is left to its owner."""

    def __init__(self) -> None:
        self.visits = set[str]()
        """Port and command line of each process of this run that connected."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="neighbours", daemon=True)

    def open(self) -> None:
        self._thread.start()
        for port in USUAL_PORTS:
            with suppress(OSError):
                self._run(asyncio.start_server(self._welcome, "127.0.0.1", port))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, doing: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result()

    async def _welcome(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port, visitor = writer.get_extra_info("sockname")[1], writer.get_extra_info("peername")[1]
        with suppress(psutil.Error):
            if process := ours(visitor):
                self.visits.add(f"port {port}: {' '.join(process.cmdline())[-300:]}")
        writer.close()


def ours(port: int) -> psutil.Process | None:
    """Return the process of this run that connects from `port`; None for other processes of the person."""
    pids = {one.pid for one in psutil.net_connections("tcp4") if one.laddr and one.laddr.port == port and one.pid}
    processes = [psutil.Process(pid) for pid in pids]
    return next((one for one in processes if os.getpid() in {one.pid, *(parent.pid for parent in one.parents())}), None)
