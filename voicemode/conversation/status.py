"""Status of a turn, told to the agent, the controls, and those who can see."""

from collections.abc import Awaitable, Callable

from voicemode.controls import Controls, Doing
from voicemode.text.quoting import quoted, readable
from voicemode.transports.base import Transport, Words

Report = Callable[[str], Awaitable[None]]
"""Tells the person or the agent what is going on: "speaking", "listening", "transcribing"."""

DEAD_MICROPHONE = (
    "The microphone delivers only digital silence: it is muted, or this program may not use it. Unmute it, or allow "
    "microphone access for the terminal or app that runs VoiceMode in the system's privacy settings."
)
MUTED = "The person has muted the microphone: voicemode unmute."


async def nobody(stage: str) -> None:
    """A report that nobody reads."""


class StatusFeed:
    """Status of one conversation."""

    def __init__(self, report: Report, controls: Controls, transport: Transport) -> None:
        self._report = report
        self._controls = controls
        self._transport = transport

    async def now(self, doing: Doing) -> None:
        """Set what we do from now on."""
        self._controls.now(doing)
        await self._transport.show(doing)
        if doing == "listening" and self._controls.state.muted:
            await self._report(MUTED)
        if doing != "idle":
            await self._report(doing)

    async def words(self, words: Words) -> None:
        """A piece of the transcript."""
        await self._transport.show(words)
        if not words.final:
            await self._report(f"hearing: {quoted(readable(words.text))}")

    def end(self) -> None:
        """The agent's call has ended: only those who can see are told from now on."""
        self._report = nobody

    async def dead(self) -> None:
        """A microphone delivers nothing."""
        await self._report(DEAD_MICROPHONE)
