"""Telling silence from a lost connection, without a network."""

import pytest

from voicemode.transports.livekit.ear import PATIENCE_SECONDS, Gap

pytestmark = pytest.mark.anyio

STEP = 0.02


class Packets:
    """A track on which `rate` packets come in a second of zeros."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.come = 100.0

    async def count(self) -> int:
        return int(self.come)


async def silence(gap: Gap, packets: Packets, seconds: float) -> float:
    """Seconds of the zeros that were taken for silence."""
    taken = 0.0
    for _ in range(round(seconds / STEP)):
        packets.come += packets.rate * STEP
        taken += STEP * await gap.silence(STEP)
    return taken


@pytest.mark.parametrize("rate", [50, 2.5])
async def test_zeros_that_are_sent_are_silence_also_where_few_packets_are_sent_in_a_silence(rate: float) -> None:
    packets = Packets(rate)
    assert await silence(Gap(packets.count), packets, 5) == pytest.approx(5)


async def test_zeros_without_packets_are_a_gap_that_is_soon_noticed() -> None:
    packets = Packets(0)
    assert await silence(Gap(packets.count), packets, 5) < 0.5


async def test_what_is_heard_again_ends_the_gap() -> None:
    packets = Packets(0)
    gap = Gap(packets.count)
    await silence(gap, packets, 5)
    gap.over()
    assert await gap.silence(STEP)


async def test_a_phone_that_sleeps_is_silent_after_a_while() -> None:
    packets = Packets(0)
    gap = Gap(packets.count)
    await silence(gap, packets, PATIENCE_SECONDS)
    assert await silence(gap, packets, 1) == pytest.approx(1)
