"""What endpoints say they have, and what follows for who is asked for what."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.support.endpoints import answers, endpoint, hangs_after, routes, speech_api
from voicemode.config import Settings
from voicemode.http_client.client import open_http
from voicemode.speech.base import Kind, Listed, Offer, Synthesizer, Transcriber, Voice
from voicemode.speech.openai.address import Endpoint
from voicemode.speech.openai.catalogue import choose_tts_model, choose_voice, languages_of_models, languages_of_voices
from voicemode.speech.openai.client import SpeechClient

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with open_http() as http:
        yield http


@pytest.mark.parametrize(
    ("voices", "languages"),
    [
        (("af_sky", "bm_lewis"), ("en",)),
        (
            ("af_sky", "ef_dora", "ff_siwis", "hf_beta", "if_sara", "jf_alpha", "pf_dora", "zf_xiaobei"),
            ("en", "es", "fr", "hi", "it", "ja", "pt", "zh"),
        ),
        (("af_sky", "joe"), None),
        (("alloy", "nova"), None),
        ((), None),
        (None, None),
    ],
)
def test_the_voices_of_kokoro_say_their_language(voices: Listed, languages: Listed) -> None:
    assert languages_of_voices(voices) == languages


@pytest.mark.parametrize(
    ("models", "languages"),
    [
        (("base.en", "Systran/faster-whisper-tiny.en"), ("en",)),
        (("base.en", "base"), None),
        (("whisper-1",), None),
        (None, None),
    ],
)
def test_models_that_end_in_en_understand_english_only(models: Listed, languages: Listed) -> None:
    assert languages_of_models(models) == languages


KOKORO = ("af_bella", "af_sky", "ff_siwis", "jf_alpha")


@pytest.mark.parametrize(
    ("voice", "preferred", "listed", "chosen"),
    [
        (Voice("nova"), ("af_sky",), KOKORO, "af_sky"),
        (Voice(language="fr"), ("af_sky",), KOKORO, "ff_siwis"),
        (Voice("af_bella", language="fr"), ("af_sky",), KOKORO, "af_bella"),
        (Voice("nova", language="ja"), ("af_sky",), KOKORO, "jf_alpha"),
        (Voice(language="en"), ("af_sky",), KOKORO, "af_sky"),
        (Voice(language="de"), ("af_sky",), KOKORO, "af_sky"),
        (Voice(language="fr"), ("af_sky",), ("joe", "amy"), "joe"),
        (Voice(language="fr"), ("af_sky",), None, "af_sky"),
    ],
)
def test_a_voice_speaks_the_language_asked_for_if_one_does(
    voice: Voice, preferred: tuple[str, ...], listed: Listed, chosen: str
) -> None:
    assert choose_voice(voice, preferred, listed) == chosen


def test_a_model_asked_for_by_name_is_used_where_it_is() -> None:
    voice = Voice(model="kokoro")
    assert choose_tts_model(("tts-1",), ("tts-1", "kokoro"), voice) == "kokoro"
    assert choose_tts_model(("tts-1",), None, voice) == "kokoro"
    assert choose_tts_model(("tts-1",), ("tts-1",), voice) == "tts-1"


async def test_an_endpoint_tells_what_it_has_once_it_was_asked(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api(voices=("af_sky", "ff_siwis"))) as server:
        speech = SpeechClient(Endpoint(server.url), http, Settings(), "tts")
        assert speech.offer == Offer()
        assert server.requests == []
        await speech.learn()
        await speech.learn()
        assert speech.offer == Offer(("tts-1", "whisper-1"), ("af_sky", "ff_siwis"), ("en", "fr"))
        assert sorted(server.paths()) == ["/v1/audio/voices", "/v1/models"]


@pytest.mark.parametrize(("kind", "languages"), [("stt", ("en",)), ("tts", None), (None, None)])
async def test_languages_are_those_of_the_job(http: httpx2.AsyncClient, kind: Kind | None, languages: Listed) -> None:
    table = {"/v1/models": answers(200, {"data": [{"id": "base.en"}]}), "/v1/audio/voices": answers(200, {"voices": ["joe"]})}
    async with endpoint(routes(table)) as server:
        speech = SpeechClient(Endpoint(server.url), http, Settings(), kind)
        await speech.learn()
        assert speech.offer.languages == languages
        assert ("/v1/audio/voices" in server.paths()) is (kind != "stt")


async def test_learning_never_fails(http: httpx2.AsyncClient) -> None:
    async with endpoint(answers(500, "no")) as broken, endpoint(hangs_after()) as hanging:
        for server in broken, hanging:
            speech = SpeechClient(Endpoint(server.url), http, Settings())
            async with asyncio.timeout(10):
                await speech.learn()
            assert speech.offer == Offer()


async def test_whoever_asks_at_the_same_time_waits_for_the_same_list(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as server:
        speech = SpeechClient(Endpoint(server.url), http, Settings())
        await asyncio.gather(*(speech.learn() for _ in range(5)))
        assert sorted(server.paths()) == ["/v1/audio/voices", "/v1/models"]


def test_the_voices_of_openai_are_part_of_its_offer_without_asking() -> None:
    speech = SpeechClient(Endpoint("https://api.openai.com/v1"), httpx2.AsyncClient(), Settings(), "tts")
    assert "marin" in (speech.offer.voices or ())


async def test_the_client_is_what_the_providers_need(http: httpx2.AsyncClient) -> None:
    speech = SpeechClient(Endpoint("http://127.0.0.1:1/v1"), http, Settings())
    ears: Transcriber = speech
    voice: Synthesizer = speech
    assert not ears.streams
    assert voice.offer == Offer()
