"""ONNX Runtime without telemetry: the only module that imports it. Import this only where a model is loaded.

From 1.29 on ONNX Runtime reports to a host of its vendor, in native code that no audit hook sees. The switch against it is
read on loading; `disable_telemetry_events()` comes too late.
"""

from voicemode.config.child_environment import forbid_telemetry

forbid_telemetry()

import onnxruntime  # noqa: E402 - the call above must come first

__all__ = ["onnxruntime"]
