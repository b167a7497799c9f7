"""Whisper, speech to text on this machine, as a service."""

from voicemode.services.service import Service

SERVICE = Service(
    name="whisper",
    title="Whisper speech-to-text",
    kind="stt",
    health_name="voicemode-whisper",
    port_setting="whisper_port",
    settings=(
        *("base_dir", "models_dir", "offline", "local_only", "hf_endpoint", "log_level", "language"),
        *("whisper_model", "whisper_threads", "model_idle_minutes"),
    ),
    modules=("ctranslate2", "tokenizers", "numpy", "av", "starlette", "uvicorn", "python_multipart"),
    weights=("whisper-{whisper_model}",),
    extra="whisper",
    model_setting="whisper_model",
)
