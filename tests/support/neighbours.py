"""Programs on the ports that VoiceMode's services usually have, as on the machine of anybody who uses it.

They take part in every run of the tests, and whoever connects to one of them has looked at what else runs on the machine.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import psutil

USUAL_PORTS = (2022, 3000, 7880, 8880)


class Neighbours:
    """Listen on each of USUAL_PORTS that is free, and note who came. A port that is taken is left to its owner."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        """The port and the command line of each process of this run that connected."""
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
                self.visits.append(f"port {port}: {' '.join(process.cmdline())[-300:]}")
        writer.close()


def ours(port: int) -> psutil.Process | None:
    """The process of this run that connects from `port`; who else visits is the person's affair."""
    pids = {one.pid for one in psutil.net_connections("tcp4") if one.laddr and one.laddr.port == port and one.pid}
    processes = [psutil.Process(pid) for pid in pids]
    return next((one for one in processes if os.getpid() in {one.pid, *(parent.pid for parent in one.parents())}), None)
