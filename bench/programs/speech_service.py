"""A speech service with known delays: 0.2 s to the first byte of any speech, 0.3 s for any transcription.

Usage: python -m bench.programs.speech_service SECONDS. All it ever says is a tone of so many seconds. Prints its URL,
and ends when its standard input does.
"""

import asyncio
import math
import sys
from array import array

from tests.endpoints import Behaviour, Reply, Request, answers, endpoint, routes, speaks, transcribes
from voicemode.audio.frames import pcm_of

RATE = 24_000
TTS_SECONDS = 0.2
STT_SECONDS = 0.3
HEARD = "he was not an ill disposed young man"


def late(seconds: float, behaviour: Behaviour) -> Behaviour:
    """`behaviour`, so long after the request has arrived."""

    async def behave(request: Request, reply: Reply) -> None:
        await asyncio.sleep(seconds)
        await behaviour(request, reply)

    return behave


def tone(seconds: float) -> bytes:
    """Loud from the first sample on, so that its beginning cannot be missed."""
    return pcm_of(array("h", (round(8000 * math.cos(math.tau * 440 * i / RATE)) for i in range(round(RATE * seconds)))))


async def main(seconds: float) -> None:
    table = {
        "/v1/audio/speech": late(TTS_SECONDS, speaks(tone(seconds))),
        "/v1/audio/transcriptions": late(STT_SECONDS, transcribes(HEARD)),
        "/v1/audio/voices": answers(200, {"voices": ["af_sky"]}),
        "/v1/models": answers(200, {"data": [{"id": "tts-1"}, {"id": "whisper-1"}]}),
    }
    async with endpoint(routes(table)) as service:
        print(service.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
