"""Counters since the server's start, for /health and /metrics. Numbers and reasons, never content."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from voicemode.engines.server.metrics import Counter, Histogram, Metric, gauge
from voicemode.errors import VoiceModeError
from voicemode.http_server.errors import FAILED
from voicemode.http_server.journal import AccessRecord

SOON_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
FACTORS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 3.0)


def requests() -> Counter:
    return Counter("voicemode_requests_total", "Requests answered, by path and status.")


def errors() -> Counter:
    return Counter("voicemode_errors_total", "Requests the server failed, before or within the answer.")


def first_byte() -> Histogram:
    return Histogram("voicemode_first_byte_seconds", "From a request to the first byte of its answer.", SOON_SECONDS)


def real_time() -> Histogram:
    return Histogram("voicemode_real_time_factor", "Seconds of work for a second of sound.", FACTORS)


def lookups() -> Counter:
    outcomes = [{"result": "hit"}, {"result": "miss"}]
    return Counter("voicemode_cache_lookups_total", "Speech that was kept already, and that was not.", outcomes)


@dataclass(slots=True)
class Counters:
    """All counters of a server; writable from any thread."""

    requests: Counter = field(default_factory=requests)
    errors: Counter = field(default_factory=errors)
    first_byte: Histogram = field(default_factory=first_byte)
    real_time: Histogram = field(default_factory=real_time)
    lookups: Counter = field(default_factory=lookups)
    last_error: str = ""
    """Time, path and reason of the last failed request; never content."""
    began: float = field(default_factory=time.monotonic)

    @property
    def uptime_seconds(self) -> float:
        return time.monotonic() - self.began

    @contextmanager
    def work(self) -> Iterator["Work"]:
        """Measure one engine job; failed and abandoned jobs do not count."""
        work, began = Work(), time.perf_counter()
        yield work
        if work.audio_seconds:
            self.real_time.observe((time.perf_counter() - began) / work.audio_seconds)

    def count(self, record: AccessRecord, path: str) -> None:
        """Count one request under `path`."""
        self.requests.add(path=path, status=str(record.status))
        if record.first_byte_seconds is not None:
            self.first_byte.observe(record.first_byte_seconds, path=path)
        if record.status >= FAILED or record.broken:
            self.errors.add(path=path)

    def note(self, path: str, error: Exception) -> None:
        """Record why a request to `path` failed. For a crash, only the exception type: its text can hold content."""
        # Starlette wraps exceptions raised after the response has started.
        origin = error if isinstance(error, VoiceModeError) else error.__cause__ or error
        reason = str(origin) if isinstance(origin, VoiceModeError) else type(origin).__name__
        self.last_error = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {path}: {reason}"

    def metrics(self) -> list[Metric]:
        counted = (self.requests, self.errors, self.first_byte, self.real_time, self.lookups)
        return [
            *(each.metric() for each in counted),
            gauge("process_resident_memory_bytes", "Resident memory.", memory_bytes()),
            gauge(
                "process_start_time_seconds", "When it was started, in seconds since 1970.", time.time() - self.uptime_seconds
            ),
        ]


@dataclass(slots=True)
class Work:
    """A job in progress."""

    audio_seconds: float = 0.0
    """Seconds of audio synthesised or transcribed."""


def memory_bytes() -> int:
    """Return the resident memory of this process; 0 if unknown."""
    with suppress(psutil.Error, OSError):
        return int(psutil.Process(os.getpid()).memory_info().rss)
    return 0
