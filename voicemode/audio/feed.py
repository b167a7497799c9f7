"""Where one side pushes and the other pulls: bytes fed from outside, read by a library that insists on blocking."""

import threading
from collections.abc import Callable, Iterator

from voicemode.audio.frames import Frame


class Feed:
    """Runs `work` in a thread of its own, which parks in `read` whenever it has used up what was fed.

    `feed` returns once that thread is parked again, so no frame waits for the next chunk.
    """

    def __init__(self, work: Callable[["Feed"], Iterator[Frame]]) -> None:
        self._data = bytearray()
        self._frames: list[Frame] = []
        self._error: Exception | None = None
        self._ended = self._parked = self._done = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, args=(work,), name="voicemode-feed", daemon=True).start()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Hand over `chunk` and wait for the frames it completes. Raises what `work` raised."""
        with self._changed:
            self._data += chunk
            return self._resume()

    def finish(self) -> list[Frame]:
        """Say that no more bytes come, and wait for the last frames."""
        with self._changed:
            self._ended = True
            return self._resume()

    def close(self) -> None:
        """End the thread, whether or not the stream has ended; does not wait for it."""
        with self._changed:
            self._data.clear()
            self._ended = True
            self._changed.notify_all()

    def read(self, size: int) -> bytes:
        """For `work`: at least one byte, at most `size`; none at the end."""
        with self._changed:
            if not self._data and not self._ended:
                self._parked = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._data or self._ended)
            taken = bytes(self._data[:size])
            del self._data[:size]
            return taken

    def _resume(self) -> list[Frame]:
        self._parked = False
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._parked or self._done)
        frames, self._frames = self._frames, []
        if self._error is not None:
            raise self._error
        return frames

    def _run(self, work: Callable[["Feed"], Iterator[Frame]]) -> None:
        try:
            for frame in work(self):
                self._frames.append(frame)
        except Exception as error:
            # Raised again where somebody waits for the frames.
            self._error = error
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()
