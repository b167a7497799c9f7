"""What there is to run on this machine."""

from typing import get_args

import pytest

from voicemode.config import Settings, WhisperModel
from voicemode.errors import ServiceError
from voicemode.models.manifests import MODELS
from voicemode.services import find, services


def test_whisper_and_kokoro_are_services() -> None:
    assert (services()["whisper"].kind, services()["kokoro"].kind) == ("stt", "tts")


def test_a_service_nobody_knows_is_answered_with_those_there_are() -> None:
    with pytest.raises(ServiceError, match="kokoro, livekit, whisper"):
        find("parrot")


def test_a_service_listens_where_the_settings_say() -> None:
    settings = Settings(whisper_port=3000, idle_minutes=2.5)
    assert find("whisper").url(settings) == "http://127.0.0.1:3000/v1"
    assert find("whisper").health_url(settings) == "http://127.0.0.1:3000/health"
    assert " ".join(find("whisper").arguments(settings)) == "-P -m voicemode serve whisper --port 3000 --idle-minutes 2.5"


@pytest.mark.parametrize("model", get_args(WhisperModel))
def test_the_weights_of_every_service_have_a_manifest(model: WhisperModel) -> None:
    settings = Settings(whisper_model=model)
    for service in services().values():
        assert set(service.weights_for(settings)) <= set(MODELS)
    if model != "auto":
        assert find("whisper").weights_for(settings) == (f"whisper-{model}",)


def test_every_setting_a_service_reads_exists() -> None:
    for service in services().values():
        for name in (*service.settings, service.port_setting):
            assert hasattr(Settings(), name)
