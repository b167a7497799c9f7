"""What is known at a pause, from recordings of people: does it sound finished, how does it read, and how long is waited?

    python -m bench.turn_evidence WEIGHTS [whisper-base]

Each clip gives one pause at its end and one in its middle. `bench/turn_taking` measures turns; this shows what the waits of
`voicemode.audio.endpoint` were chosen by. Both halves of the clips were looked at in choosing, so neither figure is held out.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.turn_taking.recordings import clips, default_folder
from bench.turn_taking.utterances import between, complete, find_cut, room
from voicemode.audio.endpoint import PAUSE_SECONDS, WAITS, Evidence, wait_seconds
from voicemode.audio.frames import Frame, join
from voicemode.audio.turn_model import load_smart_turn
from voicemode.services._api.whisper_engine import WhisperEngine, load_whisper
from voicemode.services._api.whisper_transcript import Options
from voicemode.speech.reading import reads_finished

THINKING_SECONDS = 1.3
"""Of the person who pauses in the middle."""


@dataclass(frozen=True, slots=True)
class Pause:
    clip: int
    finished: bool
    sounds: float
    text: str

    @property
    def evidence(self) -> Evidence:
        return Evidence(sounds=self.sounds, reads=reads_finished(self.text, "en"))


def text(engine: WhisperEngine, audio: Frame) -> str:
    return "".join(segment.text for segment in engine.transcribe([audio], Options(language="en"))).strip()


def pauses(weights: Path, name: str) -> Iterator[Pause]:
    ears = load_whisper(weights / name, name.removeprefix("whisper-"), threads=2)
    turn = load_smart_turn(weights / "smart-turn")
    for number, clip in enumerate(clips(default_folder())):
        for at in (complete(clip).last_sound, find_cut(clip)):
            if at is not None:
                heard = join([between(clip.audio, 0, at), room(clip.audio, PAUSE_SECONDS)], clip.audio.rate)
                yield Pause(number, at == complete(clip).last_sound, round(turn.finished(heard), 3), text(ears, heard))


def report(pauses: Sequence[Pause], half: int) -> None:
    """What each preset would do with every second clip."""
    for pace in WAITS:
        waits = {
            finished: sorted(
                wait_seconds(pause.evidence, pace) for pause in pauses if pause.clip % 2 == half and pause.finished is finished
            )
            for finished in (True, False)
        }
        ends, middles = waits[True], waits[False]
        cut = sum(wait < THINKING_SECONDS for wait in middles)
        print(
            f"{pace:8} {'odd' if half else 'even'} clips: waits {ends[len(ends) // 2]:.2f} s median, "
            f"{ends[9 * len(ends) // 10]:.2f} s p90; cuts {cut} of {len(middles)}"
        )


def main(weights: Path, name: str) -> None:
    found = []
    for pause in pauses(weights, name):
        found.append(pause)
        seconds = wait_seconds(pause.evidence, "normal")
        print(f"{'end' if pause.finished else 'mid'} {seconds:.2f} s {pause.evidence} {pause.text[-70:]!r}", flush=True)
    for half in (0, 1):
        report(found, half)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "whisper-base")
