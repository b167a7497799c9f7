"""Status of a turn, reported to the agent, to the controls and to people who can see it."""

from collections.abc import Awaitable, Callable

from voicemode.controls import Controls, Doing
from voicemode.progress import Progress, Report, nobody
from voicemode.text.quoting import quoted, readable
from voicemode.transports.base import News, Words

Show = Callable[[News], Awaitable[None]]
"""Shows people the status or a piece of the transcript."""
UNMUTE = "Unmute it, or allow microphone access for the terminal or app that runs VoiceMode in the system's privacy settings."
DEAD_MICROPHONE = f"The microphone delivers only digital silence: it is muted, or this program may not use it. {UNMUTE}"
MUTED = "The person has muted the microphone: voicemode unmute."


async def unseen(news: News) -> None:
    """Show `news` to nobody."""


class StatusFeed:
    """Status feed of one conversation."""

    def __init__(self, report: Report, controls: Controls, show: Show) -> None:
        self._report = report
        self._controls = controls
        self._show = show

    async def now(self, doing: Doing) -> None:
        """Report `doing` as the current activity."""
        self._controls.now(doing)
        await self._show(doing)
        if doing != "idle":
            muted = doing == "listening" and self._controls.state.muted
            self._report(Progress(doing, detail=MUTED if muted else ""))

    async def words(self, words: Words) -> None:
        """Report a piece of the transcript."""
        await self._show(words)
        if not words.final:
            self._report(Progress("hearing", detail=quoted(readable(words.text))))

    def end(self) -> None:
        """Stop reporting to the agent, whose call has ended; people still see the status."""
        self._report = nobody

    def dead(self) -> None:
        """Report a microphone that delivers only digital zeros."""
        self._report(Progress("listening", detail=DEAD_MICROPHONE))
