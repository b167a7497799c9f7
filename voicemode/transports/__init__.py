"""Transports by name. A new one needs a module here and a line in TRANSPORTS."""

TRANSPORTS = {
    "local": "voicemode.transports.local:LocalTransport",
    "livekit": "voicemode.transports.livekit.transport:LiveKitTransport",
}
