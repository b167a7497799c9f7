"""Whisper base in its usual form, with an encoder window of always 30 s, to compare our shorter window with.

Usage: python full_window.py PORT. Runs by path from any folder: imports nothing from this one.
"""

import sys

from voicemode.config import load_settings
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.engines.server.server import serve
from voicemode.engines.whisper.api import whisper_app
from voicemode.engines.whisper.engine import WhisperEngine, load_whisper
from voicemode.models.hardware import choose_threads, usable_cores
from voicemode.models.models import ensure


def load(_name: str) -> WhisperEngine:
    settings = load_settings().settings
    threads = choose_threads(settings.whisper_threads, usable_cores())
    engine = load_whisper(ensure("whisper-base", settings.models_path), "base", threads, least_seconds=30.0)
    engine.warm_up()
    return engine


if __name__ == "__main__":
    serve(whisper_app(LoadedModels(load, "base")), port=int(sys.argv[1]))
