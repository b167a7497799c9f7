"""Status of a turn, told to the agent, the controls, and those who can see."""

from collections.abc import Awaitable, Callable

from voicemode.controls import Controls, Doing
from voicemode.progress import Progress, Report, nobody
from voicemode.text.quoting import quoted, readable
from voicemode.transports.base import News, Words

Show = Callable[[News], Awaitable[None]]
"""Lets people see what goes on."""
UNMUTE = "Unmute it, or allow microphone access for the terminal or app that runs VoiceMode in the system's privacy settings."
DEAD_MICROPHONE = f"The microphone delivers only digital silence: it is muted, or this program may not use it. {UNMUTE}"
MUTED = "The person has muted the microphone: voicemode unmute."


async def unseen(news: News) -> None:
    """Show `news` to nobody."""


class StatusFeed:
    """Status of one conversation."""

    def __init__(self, report: Report, controls: Controls, show: Show) -> None:
        self._report = report
        self._controls = controls
        self._show = show

    async def now(self, doing: Doing) -> None:
        """Set what we do from now on."""
        self._controls.now(doing)
        await self._show(doing)
        if doing != "idle":
            muted = doing == "listening" and self._controls.state.muted
            self._report(Progress(doing, detail=MUTED if muted else ""))

    async def words(self, words: Words) -> None:
        """A piece of the transcript."""
        await self._show(words)
        if not words.final:
            self._report(Progress("hearing", detail=quoted(readable(words.text))))

    def end(self) -> None:
        """The agent's call has ended: only those who can see are told from now on."""
        self._report = nobody

    def dead(self) -> None:
        """A microphone delivers nothing."""
        self._report(Progress("listening", detail=DEAD_MICROPHONE))
