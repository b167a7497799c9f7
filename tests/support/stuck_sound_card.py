"""A sound card whose audio server hangs."""

import sys
import threading
from typing import NoReturn, Self

from voicemode.audio.devices import Deliver, Device, Fill
from voicemode.config import Settings
from voicemode.controls import Controls
from voicemode.transports.local import LocalTransport

STUCK = "the sound server hangs"
"""Line on stderr when a call begins to wait."""


class StuckSound:
    """An audio library whose calls never return."""

    name = "stuck"

    def devices(self) -> list[Device]:
        hang()

    def open_input(self, wanted: str, rate: int, deliver: Deliver) -> NoReturn:
        hang()

    def open_output(self, wanted: str, rate: int, fill: Fill) -> NoReturn:
        hang()


class StuckTransport(LocalTransport):
    @classmethod
    def from_settings(cls, settings: Settings, controls: Controls) -> Self:
        return cls(load=lambda _: StuckSound())


def hang() -> NoReturn:
    print(STUCK, file=sys.stderr, flush=True)
    while True:
        threading.Event().wait()
