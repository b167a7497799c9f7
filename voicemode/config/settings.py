"""Settings: every field typed and documented in one place."""

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from voicemode.config.urls import Address, http_url, key_entry, room_url, speech_url
from voicemode.config.values import SPOKEN_LANGUAGE, api_key, host, language_code, pair, password, port, steering
from voicemode.errors import ConfigError, Remedy

PREFIX = "VOICEMODE_"
OPENAI_URL = "https://api.openai.com"
SENTENCE_ENDS = (".", "?", "!", "…", "\u3002", "\uff01", "\uff1f")

# fmt: off
WhisperModel = Literal[
    "auto",
    "tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large-v3-turbo", "large-v3",
]
# fmt: on
"""Weights of the local speech-to-text server, smallest first; those with .en understand English only."""


def setting(default: Any, doc: str, **extra: Any) -> Any:
    """A documented field of Settings.

    Args:
        default: Value if nothing else is set.
        doc: Sentence for `voicemode config`.
        extra: `env` (a name other than VOICEMODE_ + FIELD), `minimum` and `maximum` for numbers, `check` (takes a text
            or a list item, returns it or raises ValueError with the values allowed), `secret` (never shown),
            `trusted` (ignored in a project file until `voicemode config trust`: any setting that costs something or decides
            where voice, keys and files go, what is kept, fetched or started, what the agent may do, how the person's words
            are understood, how long the microphone is open, and whether they notice that).
    """
    return field(default=default, repr=not extra.get("secret"), metadata={"doc": doc, **extra})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, typed and documented. The name in environment and files is VOICEMODE_ + the field in capitals."""

    base_dir: Path = setting(Path("~/.voicemode"), "Where recordings, weights, logs and state are kept.", trusted=True)
    models_dir: Path | None = setting(None, "Where weights are kept; empty is models/ in the base directory.", trusted=True)
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Lowest level written to stderr and the log file.", trusted=True
    )
    tools_enabled: tuple[str, ...] = setting(
        (
            *("converse", "transcribe", "doctor", "providers", "service", "models"),
            *("whisper_install", "kokoro_install", "livekit_install"),
        ),
        "Tools the agent sees; `all` is every one there is.",
        trusted=True,
    )
    tools_disabled: tuple[str, ...] = setting((), "Tools the agent does not see; wins over the enabled ones.", trusted=True)

    openai_api_key: str = setting(
        "", "Key for api.openai.com; sent nowhere else.", env="OPENAI_API_KEY", secret=True, trusted=True, check=api_key
    )
    api_keys: tuple[str, ...] = setting(
        (), "Keys of other endpoints, as URL=KEY; each is sent to that URL only.", secret=True, trusted=True, check=key_entry
    )
    tts_base_urls: tuple[str, ...] = setting(
        (),
        "Your text-to-speech endpoints, in order of preference; local ones and then OpenAI come after them.",
        trusted=True,
        check=speech_url,
    )
    stt_base_urls: tuple[str, ...] = setting(
        (),
        "Your speech-to-text endpoints, in order of preference; local ones and then OpenAI come after them.",
        trusted=True,
        check=speech_url,
    )
    tts_models: tuple[str, ...] = setting(
        ("tts-1", "gpt-4o-mini-tts"), "Text-to-speech models in order of preference.", trusted=True
    )
    stt_model: str = setting("whisper-1", "Speech-to-text model requested from an endpoint.", trusted=True)
    voices: tuple[str, ...] = setting(("af_sky", "alloy"), "Voices in order of preference; the first an endpoint has is used.")
    tts_speed: float = setting(1.0, "Speaking rate; 1.0 is normal.", minimum=0.25, maximum=4.0)
    tts_audio_format: Literal["auto", "pcm", "wav", "mp3", "opus", "flac", "aac"] = setting(
        "auto", "Format in which speech is received; auto is PCM on this machine and a compressed format over a network."
    )
    stt_audio_format: Literal["auto", "wav", "flac", "mp3", "opus"] = setting(
        "auto", "Format in which recordings are sent; auto is WAV on this machine and FLAC over a network."
    )
    cloud: bool = setting(True, "Fall back to OpenAI when there is a key and every other endpoint has failed.", trusted=True)
    local_only: bool = setting(
        False, "Let nothing leave this machine: connections to any other address are refused.", trusted=True
    )
    # Default ports: 8000 speaches, vLLM and other servers of Whisper; 8080 LocalAI; 4123 chatterbox-tts-api; 5005
    # Orpheus-FastAPI. Left out: openai-edge-tts (5050) and LiteLLM (4000) pass requests on to somebody's cloud;
    # Chatterbox-TTS-Server (8004) and whisper.cpp (8080) list neither models nor voices, so they cannot be identified.
    discover_ports: tuple[str, ...] = setting(
        ("8000", "8080", "4123", "5005"),
        "Ports of this machine that are searched for speech servers; empty searches none.",
        trusted=True,
        check=port,
    )
    hedge: Literal["off", "free", "all"] = setting(
        "free",
        "Hedge requests: also ask the next endpoint when one is slower than usual; free leaves out those that cost money.",
        trusted=True,
    )
    connect_timeout_local: float = setting(
        1.0, "Timeout in seconds for a connection on this machine.", minimum=0.05, maximum=60, trusted=True
    )
    connect_timeout: float = setting(
        3.0, "Timeout in seconds for a connection to another machine.", minimum=0.1, maximum=60, trusted=True
    )
    first_byte_timeout: float = setting(
        20.0,
        "Timeout in seconds for the first byte of a response; the length of the audio is added for transcription.",
        minimum=0.1,
        maximum=600,
        trusted=True,
    )
    idle_timeout: float = setting(
        10.0, "Timeout in seconds between two chunks of a response.", minimum=0.1, maximum=600, trusted=True
    )
    answer_timeout: float = setting(
        120.0,
        "Timeout in seconds for a whole response; the length of the audio is added for transcription.",
        minimum=1,
        maximum=3600,
        trusted=True,
    )
    stt_prompt: str = setting("", "Prompt for transcription: names and jargon to expect.", trusted=True)
    language: str = setting("", "Language spoken, as an ISO 639-1 code; empty is detected.", check=language_code, trusted=True)
    pronounce: tuple[str, ...] = setting(
        (), "Pairs WRITTEN=SPOKEN, applied to speech output and, reversed, to transcripts.", trusted=True, check=pair
    )

    transport: Literal["auto", "local", "livekit"] = setting(
        "auto",
        "Where voice comes from and goes to; auto is the LiveKit room while somebody is in it, else local.",
        trusted=True,
    )
    livekit_url: str = setting(
        "",
        "LiveKit server whose rooms we join; empty is the one installed here.",
        env="LIVEKIT_URL",
        trusted=True,
        check=room_url,
    )
    livekit_api_key: str = setting(
        "", "Name of the key of that server; empty is that of the one installed here.", env="LIVEKIT_API_KEY", trusted=True
    )
    livekit_api_secret: str = setting(
        "", "The key itself: whoever has it may join every room.", env="LIVEKIT_API_SECRET", secret=True, trusted=True
    )
    livekit_room: str = setting("voicemode", "Room in which we talk.", trusted=True)
    livekit_name: str = setting("Agent", "Our display name in the room.", trusted=True)
    audio_backend: Literal["auto", "pyaudio", "miniaudio", "sdl"] = setting(
        "auto", "Sound library; auto is the first of the others that is installed."
    )
    input_device: str = setting("", "Microphone, by index or part of its name; empty follows the system.", trusted=True)
    output_device: str = setting("", "Speaker, by index or part of its name; empty follows the system.", trusted=True)
    audio_feedback: bool = setting(True, "Play cues when listening starts and ends.", trusted=True)
    vad: Literal["auto", "silero", "webrtc"] = setting(
        "auto", "Voice activity detector; auto is Silero where it can be installed.", trusted=True
    )
    vad_aggressiveness: int = setting(
        2, "How strictly noise is rejected: 0 keeps quiet speech, 3 rejects most noise.", minimum=0, maximum=3, trusted=True
    )
    barge_in: Literal["auto", "off", "on", "headphones"] = setting(
        "auto",
        "Barge-in: auto where our echo can be removed from the microphone, headphones where there is none to remove.",
        trusted=True,
    )
    noise_suppression: bool = setting(False, "Suppress steady noise at the microphone.", trusted=True)
    gain_control: bool = setting(False, "Make quiet voices at the microphone louder.", trusted=True)
    pace: Literal["quick", "normal", "patient"] = setting("normal", "How soon a pause ends the turn.")
    silence_threshold_ms: int = setting(
        0,
        "Silence that ends a turn, in milliseconds, at least 200; 0 decides by the pace and the evidence.",
        minimum=0,
        maximum=30_000,
        trusted=True,
    )
    turn_model: Literal["auto", "off"] = setting(
        "auto",
        "Turn model that judges a pause by its sound; auto uses it where onnxruntime and numpy are, and fetches its 9 MB.",
    )
    speculate: Literal["off", "free", "all"] = setting(
        "free",
        "Transcribe speculatively at each pause, before the turn has ended; free leaves out endpoints that cost money.",
        trusted=True,
    )
    steering_words: tuple[str, ...] = setting(
        (SPOKEN_LANGUAGE,),
        "Spoken PHRASE=ACTION (send, wait, repeat, stop, nod); `language` is those of the language spoken, such as over=send.",
        trusted=True,
        check=steering,
    )
    patience_seconds: float = setting(10.0, "Seconds to wait for the first word.", minimum=1, maximum=600, trusted=True)
    default_listen_duration: float = setting(120.0, "Longest turn, in seconds.", minimum=1, maximum=3600, trusted=True)
    keep_listening: bool = setting(
        False,
        "Leave the microphone open between turns; what is said while the agent works comes with the next turn.",
        trusted=True,
    )
    save_audio: bool = setting(False, "Keep a recording of every turn in recordings/ of the base directory.", trusted=True)
    kept_recordings: int = setting(
        100,
        "Most recordings of turns that could not be transcribed; the oldest are deleted. Those of save_audio do not count.",
        minimum=0,
        maximum=100_000,
        trusted=True,
    )
    kept_recordings_days: float = setting(
        30.0, "Days after which such a recording is deleted.", minimum=0.05, maximum=36_500, trusted=True
    )

    auto_start: bool = setting(True, "Start a local engine when no endpoint answers.", trusted=True)
    supervisor: Literal["auto", "systemd", "launchd", "none"] = setting(
        "auto",
        "Supervisor of installed services; auto is the system's own, none starts services when they are needed.",
        trusted=True,
    )
    idle_minutes: float = setting(
        15.0, "Minutes without a request after which a local engine started on demand exits.", minimum=0.05, maximum=10_080
    )
    whisper_port: int = setting(2022, "Port of the local speech-to-text server.", minimum=1, maximum=65535, trusted=True)
    whisper_model: WhisperModel = setting(
        "auto", "Whisper model of the local server; auto is the best that answers without delay on this machine.", trusted=True
    )
    whisper_threads: int = setting(0, "Threads of the local server; 0 chooses by the cores.", minimum=0, maximum=64)
    livekit_port: int = setting(
        7880, "Port of the LiveKit server installed here; sound takes the two after it.", minimum=1, maximum=65533, trusted=True
    )
    livekit_lan: bool = setting(
        False,
        "Let the LiveKit server installed here accept audio from other devices; refused where nothing may leave this machine.",
        trusted=True,
    )
    frontend_port: int = setting(3000, "Port of the web page.", minimum=1, maximum=65535, trusted=True)
    frontend_lan: bool = setting(False, "Serve the web page to the local network, over TLS.", trusted=True)
    frontend_hosts: tuple[str, ...] = setting(
        (),
        "Host names of a TLS proxy on this machine that forwards to the web page.",
        trusted=True,
        check=host,
    )
    frontend_password: str = setting(
        "",
        "Password to sign in to the web page without a link; empty allows links only.",
        secret=True,
        trusted=True,
        check=password,
    )
    kokoro_port: int = setting(8880, "Port of the local text-to-speech server.", minimum=1, maximum=65535, trusted=True)
    kokoro_threads: int = setting(0, "Threads of the local server; 0 chooses by the cores.", minimum=0, maximum=64)
    kokoro_cache_mb: int = setting(
        100,
        "Size of the synthesis cache on disk, in megabytes; 0 disables it.",
        minimum=0,
        maximum=100_000,
        trusted=True,
    )
    model_idle_minutes: float = setting(
        5.0, "Minutes after which a model other than the default is unloaded.", minimum=0.05, maximum=10_080
    )
    offline: bool = setting(False, "Never ask the network for weights.", trusted=True)
    hf_endpoint: str = setting("", "Mirror of the Hugging Face hub.", env="HF_ENDPOINT", trusted=True, check=http_url)
    editor: str = setting("", "Command `voicemode config edit` opens files with.", env="EDITOR", trusted=True)

    @property
    def recordings_dir(self) -> Path:
        return self.base_dir.expanduser() / "recordings"

    @property
    def models_path(self) -> Path:
        """Folder of weights: `models_dir`, or models/ in the base directory."""
        return (self.models_dir or self.base_dir / "models").expanduser()

    @property
    def providers_dir(self) -> Path:
        """Folder of the person's own files that each add a kind of speech provider."""
        return self.base_dir.expanduser() / "providers"

    @property
    def services_dir(self) -> Path:
        """Folder with one folder for each installed service: its environment and its registration."""
        return self.base_dir.expanduser() / "services"

    @property
    def cache_dir(self) -> Path:
        """Folder of files that can be made again."""
        return self.base_dir.expanduser() / "cache"

    @property
    def logs_dir(self) -> Path:
        return self.base_dir.expanduser() / "logs"

    @property
    def state_dir(self) -> Path:
        """Folder of locks, ports and process ids of the local engine servers."""
        return self.base_dir.expanduser() / "state"

    @property
    def prompt(self) -> str:
        """`stt_prompt` as a sentence: after a prompt without a full stop, engines write in lower case and glueWords."""
        words = self.stt_prompt.strip()
        return words if not words or words.endswith(SENTENCE_ENDS) else words.rstrip(",;:") + "."

    @property
    def pronunciations(self) -> tuple[tuple[str, str], ...]:
        """(written, spoken) pairs of `pronounce`."""
        pairs = (entry.partition("=") for entry in self.pronounce)
        return tuple((written.strip(), spoken.strip()) for written, _, spoken in pairs)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every key, for redaction."""
        keys = (self.openai_api_key, self.livekit_api_secret, self.frontend_password, *(key for _, key in self._keys()))
        return tuple(dict.fromkeys(key for key in keys if key))

    def key_for(self, url: str) -> str:
        """Return the key to send to `url`, empty if there is none.

        A key belongs to the scheme, host, port and path it is set for, and to any path below; the longest path wins. No key
        is ever sent in the clear, except to this machine.
        """
        try:
            target = Address.parse(url)
        except ValueError:
            return ""
        keys = [(OPENAI_URL, self.openai_api_key), *self._keys()]
        owners = [(Address.parse(owner), key) for owner, key in keys]
        fitting = [(len(owner.path), key) for owner, key in owners if key and owner.covers(target)]
        return max(fitting, key=lambda match: match[0])[1] if fitting and target.confidential else ""

    def _keys(self) -> list[tuple[str, str]]:
        pairs = (entry.partition("=") for entry in self.api_keys)
        return [(url.strip(), key.strip()) for url, _, key in pairs]


def env_name(item: Field[Any]) -> str:
    """Return the name of a field in the environment and in files."""
    return str(item.metadata.get("env") or PREFIX + item.name.upper())


def needing_trust() -> list[Field[Any]]:
    """Return the settings that are ignored in a project file without trust."""
    return [item for item in fields(Settings) if item.metadata.get("trusted")]


def find_setting(name: str) -> Field[Any]:
    """Return the field `name`: tts_speed, TTS_SPEED or VOICEMODE_TTS_SPEED. Raises ConfigError with the closest match."""
    # If NAME=VALUE is passed in place of a name, the value can be a key: it must not be shown.
    name = name.partition("=")[0].strip()
    wanted = name.upper().replace("-", "_")
    for item in fields(Settings):
        if wanted in (env_name(item), item.name.upper(), PREFIX + item.name.upper()):
            return item
    raise ConfigError(f"{name!r} is not a setting.{did_you_mean(wanted)}", hint=Remedy("All of them", "voicemode config list"))


def did_you_mean(name: str) -> str:
    """Return ` Did you mean X?`, or nothing if no setting is close to `name`."""
    from difflib import get_close_matches

    names = {item.name.upper(): env_name(item) for item in fields(Settings)}
    close = get_close_matches(name.upper().removeprefix(PREFIX), names, n=1)
    return f" Did you mean {names[close[0]]}?" if close else ""
