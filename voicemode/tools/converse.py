import time
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from voicemode.app import App
from voicemode.audio.turns.endpointer import Pace
from voicemode.conversation.message import Playback
from voicemode.conversation.result import SpokenLine, TurnResult
from voicemode.errors import ArgumentError, NotSpokenError, named
from voicemode.providers import Account
from voicemode.text.quoting import quoted, readable
from voicemode.tools import tool

SKIPPED = "The person skipped the rest of the message."
NOT_ASKED = TurnResult("", "not asked")
NOT_SPOKEN = "not spoken"
NOTHING_SAID = "Nothing was said: the message holds nothing that can be spoken."
BEFORE_ANYTHING = "The person broke in before the first word."
WORDS_TOLD = 40
"""Most words quoted on either side of a break in a message: the agent wrote the message, and need not read all of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    """The person's answer; with several people, a line for each: `"Anna": …`. Quoted as in JSON if it has line breaks, square
    brackets, or text that looks like a name."""
    ended: str
    """Reason why the turn ended: "finished", "silence", 'said "over"', "sent", "typed", "too long", "no speech", 'said "stop"',
    "stopped", "not asked", "not spoken" or "in writing"."""
    note: str
    """A remark or advice; usually empty."""
    provider: dict[str, str]
    """The endpoint that spoke (tts) and the one that transcribed (stt)."""
    seconds: dict[str, float]
    """Timings: first_sound (from call to audio), spoken, heard (audio lengths), transcribe (from end of turn to text)."""
    unspoken: str = ""
    """Part of the message that was not heard: all, the rest (if long, its beginning), or a sentence that broke off."""
    interrupted_after: str = ""
    """Last words of the message that were heard before the person interrupted."""
    meanwhile: str = ""
    """Speech and text of the person between the previous turn and this one; in the format of `text`."""
    said: tuple[SpokenLine, ...] = ()
    """The lines of `text` with their speakers, unquoted."""
    said_before: tuple[SpokenLine, ...] = ()
    """The lines of `meanwhile` with their speakers, unquoted."""
    tried: list[str] = field(default_factory=list)
    """Failed attempts: endpoint and reason."""
    why: dict[str, str] = field(default_factory=dict)
    """Reasons for the choice of the endpoints."""

    @property
    def failed(self) -> bool:
        """True if the person has not heard the message."""
        return self.ended == NOT_SPOKEN

    def __str__(self) -> str:
        unspoken = f"Not spoken: {self.unspoken}" if self.unspoken else ""
        meanwhile = f"[Said before this turn: {self.meanwhile}]" if self.meanwhile else ""
        if self.failed:
            return "\n".join(filter(None, [meanwhile, unspoken, self.note]))
        interrupted = f'They broke in after "{self.interrupted_after}".' if self.interrupted_after else ""
        if self.ended == NOT_ASKED.ended:
            note = self.note or ("Spoken." if "tts" in self.provider and not interrupted else "")
            return "\n".join(filter(None, [meanwhile, note, interrupted, unspoken]))
        note = self.note or ("" if self.text else f"No answer: {self.ended}.")
        about = " ".join(filter(None, [note, interrupted, unspoken]))
        return "\n".join(filter(None, [meanwhile, f"{self.text} {f'[{about}]' if about else ''}".strip()]))


@dataclass(frozen=True, slots=True)
class Unasked(Reply):
    """A question that was not heard. A client that can show a form can ask it in writing."""

    @property
    def question(self) -> str:
        return self.unspoken

    def answered(self, text: str) -> Reply:
        """Return the reply with the person's written answer, `text`."""
        note = f"The question was asked in writing. {self.note}"
        line = SpokenLine(readable(text), typed=True)
        about = {field.name: getattr(self, field.name) for field in fields(Reply)}
        written = {"text": quoted(line.text), "ended": "in writing", "note": note, "unspoken": "", "said": (line,)}
        return Reply(**about | written)


@tool
async def converse(
    app: App,
    message: str = "",
    wait_for_response: bool = True,
    listen_duration_max: float | None = None,
    pace: Pace | None = None,
    voice: str = "",
    model: str = "",
    speed: float | None = None,
    instructions: str = "",
    language: str = "",
    transport: Literal["auto", "local", "livekit"] = "auto",
) -> Reply:
    """Speak to the person and listen for the spoken answer. Returns the transcript.

    Keep messages short and natural: this is a conversation. Ask one question at a time.

    Args:
        message: What to say; markdown is turned into speech. Empty: only listen.
        wait_for_response: Listen for an answer after speaking.
        listen_duration_max: Longest answer, in seconds.
        pace: How soon a pause ends the answer; patient gives time to think.
        voice: Voice to speak with, e.g. af_sky.
        model: Text-to-speech model, e.g. tts-1.
        speed: 0.25 to 4.0; 1.0 is normal.
        instructions: Tone of voice, for models that follow it.
        language: Language of message and answer, as an ISO 639-1 code.
        transport: Where the person is; auto is the LiveKit room while somebody is in it, else this machine.
    """
    if not (message.strip() or wait_for_response):
        raise ArgumentError(
            "There is nothing to say and nothing to wait for.", hint="Give a message, or wait_for_response=true."
        )
    options = app.options(language=language, max_seconds=listen_duration_max, pace=pace)
    how = replace(app.voice(voice, speed, instructions, language), model=model)
    called_at, account = time.monotonic(), Account()
    conversation = await app.conversation(transport, account)
    await app.ready(speaking=bool(message.strip()), listening=wait_for_response)
    try:
        if wait_for_response:
            said, heard = await conversation.converse(message, how, options, app.report)
        else:
            said, heard = await conversation.say(message, how, options, app.report), NOT_ASKED
    except NotSpokenError as error:
        told = unspoken(message, error, account, called_at, question=wait_for_response)
        return with_before(told, await conversation.meanwhile())
    if message.strip() and said.started_at is None:
        heard = replace(heard, note=f"{why_silent(said, heard)} {heard.note}".strip())
    return with_before(reply(said, heard, account, called_at), await conversation.meanwhile())


def with_before(told: Reply, before: TurnResult) -> Reply:
    """Return `told` with the speech between the last turn and this one."""
    note = " ".join(filter(None, [told.note, before.note]))
    return replace(told, meanwhile=before.text, said_before=before.said, note=note)


def reply(said: Playback, heard: TurnResult, account: Account, called_at: float, kind: type[Reply] = Reply) -> Reply:
    """Return the agent's reply for a turn."""
    provider, seconds = dict[str, str](), dict[str, float]()
    # After an interruption, `said.unheard` already includes the sentences that had failed before.
    failed = [text for text in account.unheard if text not in said.unheard]
    why_failed = broke_off(account) if failed and heard.ended != NOT_SPOKEN else ""
    if said.started_at is not None:
        provider["tts"] = ", ".join(account.spoke)
        seconds |= {"first_sound": said.started_at - called_at, "spoken": said.seconds}
    if heard.provider:
        provider["stt"] = heard.provider
        seconds |= {"heard": heard.audio_seconds, "transcribe": heard.transcribe_seconds}
    return kind(
        text=heard.text,
        ended=heard.ended,
        note=" ".join(filter(None, [SKIPPED if said.skipped else "", heard.note, *account.notes, why_failed])),
        provider=provider,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        unspoken=" ".join(filter(None, [*failed, first_words(said.unheard)])),
        interrupted_after=last_words(said.heard),
        tried=tried(account),
        why={kind: why for kind, why in account.why.items() if kind in provider},
        said=heard.said,
    )


def first_words(text: str) -> str:
    """Return `text`; if long, its beginning and the number of words left out."""
    words = text.split()
    rest = len(words) - WORDS_TOLD
    return f"{' '.join(words[:WORDS_TOLD])} … ({rest} more word{'s' if rest > 1 else ''})" if rest > 0 else text


def last_words(text: str) -> str:
    """Return `text`; if long, its end."""
    words = text.split()
    return f"… {' '.join(words[-WORDS_TOLD:])}" if len(words) > WORDS_TOLD else text


def why_silent(said: Playback, heard: TurnResult) -> str:
    """Return why nothing of a message was heard; empty if the rest of the reply says so."""
    if said.skipped or heard.ended == "stopped":
        return ""
    return BEFORE_ANYTHING if said.unheard else NOTHING_SAID


def broke_off(account: Account) -> str:
    """Return why sentences broke off."""
    reasons = dict.fromkeys(named(each.provider, each.reason) for each in account.failures if each.kind == "tts")
    return f"Speech broke off: {'; '.join(reason.rstrip('.') for reason in reasons)}." if reasons else ""


def unspoken(message: str, error: NotSpokenError, account: Account, called_at: float, *, question: bool) -> Reply:
    """Return the reply for a message that the person has not heard completely."""
    heard = TurnResult("", NOT_SPOKEN, str(error))
    told = reply(Playback(error.started_at, error.seconds), heard, account, called_at, Unasked if question else Reply)
    # The unheard part is known if an endpoint failed mid-message, but not if a speaker did.
    rest = told.unspoken if error.started_at is not None else ""
    return replace(told, unspoken=rest or message)


def tried(account: Account) -> list[str]:
    """Return each distinct failed attempt, as `tts http://…: reason`."""
    return list(dict.fromkeys(f"{failure.kind} {named(failure.provider, failure.reason)}" for failure in account.failures))
