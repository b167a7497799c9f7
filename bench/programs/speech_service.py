"""A speech service with known delays: 0.2 s to the first byte of any speech, 0.3 s for any transcription.

Usage: python -m bench.programs.speech_service SECONDS. All speech is a tone of SECONDS seconds. Prints its URL, and ends
when its standard input does. The transcript is always the same, until a line on standard input names a file of
`turn_taking.listener`, acknowledged with "told": from then on it is the part of that utterance which is in the audio.
"""

import asyncio
import io
import math
import sys
from array import array
from pathlib import Path

from bench.turn_taking.listener import Listener, load_listener
from tests.support.endpoints import Behaviour, Reply, Request, answers, endpoint, routes, speaks
from voicemode.audio.codec import decode_file
from voicemode.audio.frames import join, pcm_of
from voicemode.audio.vad import RATE as HEARD_RATE

RATE = 24_000
TTS_SECONDS = 0.2
STT_SECONDS = 0.3
HEARD = "he was not an ill disposed young man"


def late(seconds: float, behaviour: Behaviour) -> Behaviour:
    """Return `behaviour`, delayed by `seconds` after the request has arrived."""

    async def behave(request: Request, reply: Reply) -> None:
        await asyncio.sleep(seconds)
        await behaviour(request, reply)

    return behave


def tone(seconds: float) -> bytes:
    """Return PCM that is loud from the first sample on, so that its beginning cannot be missed."""
    return pcm_of(array("h", (round(8000 * math.cos(math.tau * 440 * i / RATE)) for i in range(round(RATE * seconds)))))


class Ears:
    """Transcribes with the listener it was given; before that, always `HEARD`."""

    def __init__(self) -> None:
        self.listener: Listener | None = None

    async def transcribe(self, request: Request, reply: Reply) -> None:
        heard = asyncio.to_thread(understood, self.listener, request.form["file"])
        text, _ = await asyncio.gather(heard, asyncio.sleep(STT_SECONDS))
        bare = request.form.get("response_format") == b"text"
        await answers(200, text if bare else {"text": text})(request, reply)

    async def be_told(self) -> None:
        """Load listeners named on standard input, until that ends."""
        while line := await asyncio.to_thread(sys.stdin.readline):
            self.listener = load_listener(Path(line.strip()))
            print("told", flush=True)


def understood(listener: Listener | None, recording: bytes) -> str:
    """Return the transcript of an audio file of any format."""
    if listener is None:
        return HEARD
    return listener.hear(join(decode_file(io.BytesIO(recording), HEARD_RATE), HEARD_RATE))


async def main(seconds: float) -> None:
    ears = Ears()
    table = {
        "/v1/audio/speech": late(TTS_SECONDS, speaks(tone(seconds))),
        "/v1/audio/transcriptions": ears.transcribe,
        "/v1/audio/voices": answers(200, {"voices": ["af_sky"]}),
        "/v1/models": answers(200, {"data": [{"id": "tts-1"}, {"id": "whisper-1"}]}),
    }
    async with endpoint(routes(table)) as service:
        print(service.url, flush=True)
        await ears.be_told()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
