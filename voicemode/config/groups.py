"""Settings grouped by topic, and their reference in Markdown. People see them in the order used here."""

from dataclasses import Field
from types import MappingProxyType
from typing import Any

from voicemode.config.settings import Settings, env_name, find_setting
from voicemode.config.values import render

GROUPS = MappingProxyType(
    {
        "sound": (
            *("transport", "audio_backend", "input_device", "output_device", "audio_feedback"),
            *("noise_suppression", "gain_control"),
        ),
        "turns": (
            *("pace", "silence_threshold_ms", "patience_seconds", "default_listen_duration", "keep_listening"),
            *("barge_in", "steering_words", "vad", "vad_aggressiveness", "turn_model", "speculate"),
        ),
        "voices": ("voices", "tts_speed", "tts_models", "language", "pronounce", "stt_model", "stt_prompt"),
        "providers": (
            *("openai_api_key", "api_keys", "tts_base_urls", "stt_base_urls", "cloud", "discover_ports", "hedge"),
            *("tts_audio_format", "stt_audio_format", "connect_timeout_local", "connect_timeout", "first_byte_timeout"),
            *("idle_timeout", "answer_timeout"),
        ),
        "services": (
            *("auto_start", "supervisor", "idle_minutes", "model_idle_minutes", "whisper_port", "whisper_model"),
            *("whisper_threads", "kokoro_port", "kokoro_threads", "kokoro_cache_mb", "models_dir", "hf_endpoint"),
        ),
        "rooms": (
            *("livekit_url", "livekit_api_key", "livekit_api_secret", "livekit_room", "livekit_name", "livekit_port"),
            *("livekit_lan", "frontend_port", "frontend_lan", "frontend_hosts", "frontend_password"),
        ),
        "privacy": ("local_only", "offline", "save_audio", "kept_recordings", "kept_recordings_days"),
        "program": ("base_dir", "log_level", "tools_enabled", "tools_disabled", "editor"),
    }
)
"""Names of fields of Settings by group; each field is in exactly one."""

HEAD = """\
# Settings

Rendered from the settings themselves by `voicemode config reference`; a test keeps this page equal.

The environment wins over the project's `.voicemode.env` (the nearest one upward from the working directory), that over
`~/.voicemode/voicemode.env`, and that over the default. `voicemode config` shows every value and where it comes from;
`voicemode config set NAME VALUE` changes one. A setting marked *trusted* is ignored in a project's file until the person
runs `voicemode config trust` there.
"""


def reference() -> str:
    """Return all settings as a page of Markdown."""
    return "\n".join([HEAD, *(_section(title, names) for title, names in GROUPS.items())])


def _section(title: str, names: tuple[str, ...]) -> str:
    rows = [_row(find_setting(name)) for name in names]
    return "\n".join([f"## {title.capitalize()}\n", "| setting | default | meaning |", "|---|---|---|", *rows, ""])


def _row(item: Field[Any]) -> str:
    default = "" if item.metadata.get("secret") else render(getattr(Settings(), item.name))
    if item.name == "base_dir":
        default = "~/.voicemode"
    text = item.metadata["doc"] + (" *trusted*" if item.metadata.get("trusted") else "")
    cells = [f"`{env_name(item)}`", f"`{default}`" if default else "", text]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
