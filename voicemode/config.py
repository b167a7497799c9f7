"""Settings: what can be configured, where each value came from. The only reader of the environment.

Order: environment > project file (`.voicemode.env`, nearest upward) > `~/.voicemode/voicemode.env` > defaults.
"""

from dataclasses import Field, dataclass, field
from pathlib import Path
from typing import Any, Literal

PREFIX = "VOICEMODE_"


def setting(default: Any, doc: str, **extra: Any) -> Any:
    """A documented field of Settings.

    Args:
        default: The value where nothing else is set.
        doc: One sentence for `voicemode config`.
        extra: `env` (a name that is not VOICEMODE_ + FIELD), `minimum` and `maximum` for numbers, `secret` (never
            shown), `trusted` (ignored in a project file until `voicemode config trust`).
    """
    return field(default=default, metadata={"doc": doc, **extra})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, typed and documented. The name in environment and files is VOICEMODE_ + the field in capitals."""

    base_dir: Path = setting(Path("~/.voicemode"), "Where recordings, weights, logs and state are kept.", trusted=True)
    models_dir: Path | None = setting(None, "Where weights are kept; empty is models/ in the base directory.", trusted=True)
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "What is written to stderr and the log file.")
    tools_enabled: tuple[str, ...] = setting(
        ("converse", "transcribe", "doctor"), "Tools the agent sees; `all` is every one there is."
    )
    tools_disabled: tuple[str, ...] = setting((), "Tools the agent does not see; wins over the enabled ones.")

    openai_api_key: str = setting(
        "", "Key for api.openai.com; sent nowhere else.", env="OPENAI_API_KEY", secret=True, trusted=True
    )
    api_keys: tuple[str, ...] = setting(
        (), "Keys of other endpoints, as URL=KEY; each is sent to that URL only.", secret=True, trusted=True
    )
    tts_base_urls: tuple[str, ...] = setting(
        (),
        "Text-to-speech endpoints in order of preference; empty is the local one, then OpenAI if it has a key.",
        trusted=True,
    )
    stt_base_urls: tuple[str, ...] = setting(
        (),
        "Speech-to-text endpoints in order of preference; empty is the local one, then OpenAI if it has a key.",
        trusted=True,
    )
    tts_models: tuple[str, ...] = setting(("tts-1", "gpt-4o-mini-tts"), "Text-to-speech models in order of preference.")
    stt_model: str = setting("whisper-1", "Speech-to-text model asked of an endpoint.")
    voices: tuple[str, ...] = setting(("af_sky", "alloy"), "Voices in order of preference; the first an endpoint has is used.")
    tts_speed: float = setting(1.0, "How fast we speak.", minimum=0.25, maximum=4.0)
    tts_audio_format: Literal["pcm", "wav", "mp3", "opus", "flac", "aac"] = setting("pcm", "Format asked of a speech endpoint.")
    connect_timeout: float = setting(3.0, "Seconds to wait for a connection to an endpoint.", minimum=0.1, maximum=60)
    read_timeout: float = setting(60.0, "Seconds an endpoint may stay silent within an answer.", minimum=0.5, maximum=600)
    stt_prompt: str = setting("", "Words to expect: names and jargon that help transcription.")
    language: str = setting("", "Language spoken, as an ISO 639-1 code; empty is detected.")
    pronounce: tuple[str, ...] = setting((), "WRITTEN=SPOKEN pairs, applied to what we say and, reversed, to what we hear.")

    transport: Literal["auto", "local", "memory"] = setting("auto", "Where voice comes from and goes to.")
    audio_backend: Literal["auto", "pyaudio", "miniaudio"] = setting("auto", "Sound library; auto is PyAudio where installed.")
    input_device: str = setting("", "Microphone, by index or part of its name; empty follows the system.")
    output_device: str = setting("", "Speaker, by index or part of its name; empty follows the system.")
    audio_feedback: bool = setting(True, "Play cues when listening starts and ends.")
    vad: Literal["auto", "silero", "webrtc"] = setting("auto", "Speech detector; auto is Silero where it can be installed.")
    vad_aggressiveness: int = setting(2, "0 takes quiet speech for speech, 3 takes noise for silence.", minimum=0, maximum=3)
    silence_threshold_ms: int = setting(1000, "Pause that ends a turn, in milliseconds.", minimum=200, maximum=30_000)
    patience_seconds: float = setting(10.0, "How long to wait for the first word.", minimum=1, maximum=600)
    default_listen_duration: float = setting(120.0, "Longest turn, in seconds.", minimum=1, maximum=3600)
    save_audio: bool = setting(False, "Keep every recorded turn in recordings/ of the base directory.")

    auto_start: bool = setting(True, "Start a local engine when no endpoint answers.")
    idle_minutes: float = setting(
        15.0, "A local engine we started ends after so long without work.", minimum=0.05, maximum=10_080
    )
    whisper_port: int = setting(2022, "Port of the local speech-to-text server.", minimum=1, maximum=65535)
    whisper_model: Literal["auto", "tiny.en", "base"] = setting(
        "auto", "Weights of it; auto is base where there are the cores."
    )
    whisper_threads: int = setting(0, "Threads of it; 0 chooses by the cores.", minimum=0, maximum=64)
    kokoro_port: int = setting(8880, "Port of the local text-to-speech server.", minimum=1, maximum=65535)
    kokoro_threads: int = setting(0, "Threads of it; 0 chooses by the cores.", minimum=0, maximum=64)
    offline: bool = setting(False, "Never ask the network for weights.")
    hf_endpoint: str = setting("", "Mirror of the Hugging Face hub.", env="HF_ENDPOINT", trusted=True)
    editor: str = setting("", "Command `voicemode config edit` opens files with.", env="EDITOR", trusted=True)


def env_name(item: Field[Any]) -> str:
    """The name of a field in environment and files."""
    return str(item.metadata.get("env") or PREFIX + item.name.upper())
