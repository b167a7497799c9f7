"""ONNX Runtime, silenced: the only place it is imported from. Imported where a model is loaded only.

From 1.29 on it looks up a host of its maker's and reports there, in native code that no audit hook sees. Its own switch
is read when it is loaded; `disable_telemetry_events()` comes too late.
"""

from voicemode.config.child_environment import forbid_telemetry

forbid_telemetry()

import onnxruntime  # noqa: E402 - what comes before is the point

__all__ = ["onnxruntime"]
