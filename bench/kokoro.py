"""Kokoro's figures: load time, memory, time to first audio, gaps, intelligibility.

    python -m bench.kokoro [--voice af_sky] [--wer] MODELS_DIR

On an idle machine; medians. Downloads what MODELS_DIR lacks.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import psutil

from voicemode.audio.frames import join
from voicemode.audio.resample import Resampler
from voicemode.services._api.kokoro_engine import RATE, KokoroEngine
from voicemode.services._api.kokoro_voices import parse_voice
from voicemode.services._models import ensure

TEN_WORDS = "Sure, I have updated the tests and they all pass."
PARAGRAPH = (
    "Good morning! I looked at the build, and the failure comes from a dependency that could not be resolved. "
    "There are two ways to fix it. We can pin the older version for now, or we can move to the new interface, which "
    "takes about an hour but saves us the trouble later. Which one would you like?"
)
SENTENCES = (Path(__file__).parent / "sentences.txt").read_text().splitlines()
RUNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--voice", default="af_sky")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--wer", action="store_true", help="transcribe 30 sentences with Whisper base")
    options = parser.parse_args()
    for name, value in figures(options):
        print(f"{name:44} {value}", flush=True)


def figures(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    started = time.perf_counter()
    engine = KokoroEngine(ensure("kokoro", options.models), ensure("kokoro-voices", options.models), threads=options.threads)
    engine.warm_up()
    yield "load and warm up, s", f"{time.perf_counter() - started:.2f}"
    for name, text in (("ten words", TEN_WORDS), ("paragraph", PARAGRAPH)):
        runs = [measured(engine, text, options.voice) for _ in range(RUNS)]
        yield f"{name}: to first audio, s", f"{statistics.median(first for first, _ in runs):.2f}"
        yield f"{name}: tightest join (below 0 is a gap), s", f"{statistics.median(margin for _, margin in runs):+.2f}"
    yield "resident memory at rest, MB", f"{psutil.Process().memory_info().rss / 1e6:.0f}"
    if options.wer:
        yield "WER of 30 sentences, %", f"{100 * intelligibility(engine, options):.1f}"


def measured(engine: KokoroEngine, text: str, voice: str) -> tuple[float, float]:
    """Seconds to the first frame, and the least time any other was ready before it was needed."""
    started = time.perf_counter()
    arrivals, lengths = [], []
    for frame in engine.speak(text, parse_voice(voice)):
        arrivals.append(time.perf_counter() - started)
        lengths.append(frame.seconds)
    needed = (arrivals[0] + heard for heard in accumulate(lengths[:-1]))
    margins = [due - arrival for due, arrival in zip(needed, arrivals[1:], strict=True)]
    return arrivals[0], min(margins, default=0.0)


def intelligibility(engine: KokoroEngine, options: argparse.Namespace) -> float:
    from tests.wer import total_wer
    from voicemode.services._api.whisper_engine import load_whisper
    from voicemode.services._api.whisper_transcript import Options

    whisper = load_whisper(ensure("whisper-base", options.models), "base", options.threads)
    pairs = []
    for sentence in SENTENCES:
        resampler = Resampler(16_000)
        spoken = join(engine.speak(sentence, parse_voice(options.voice)), RATE)
        frames = [resampler.convert(spoken), resampler.finish()]
        pairs.append((sentence, " ".join(part.text.strip() for part in whisper.transcribe(frames, Options(language="en")))))
    return total_wer(pairs)


if __name__ == "__main__":
    main()
