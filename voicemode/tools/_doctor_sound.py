"""Checks of `doctor` for microphone and speaker."""

import asyncio
import re
from functools import partial

from voicemode.app import App
from voicemode.audio.devices import WORDS, Backend, Device, Kind, find_device, open_backend
from voicemode.audio.echo.canceller import available
from voicemode.config.installer import to_install
from voicemode.conversation.status import UNMUTE
from voicemode.errors import AudioDeviceError, Remedy
from voicemode.tasks import in_thread
from voicemode.tools._doctor_check import Check, Mark, failed
from voicemode.transports.base import one

LISTEN_SECONDS = 0.3
"""Long enough to tell a dead microphone from a quiet one."""
LIST_SECONDS = 10.0
RESTART = Remedy("Restart it, for example", "systemctl --user restart pipewire pipewire-pulse")
PLUGINS = re.compile(
    r"(?:surround\d+|sysdefault|front|rear|center_lfe|side|iec958|spdif|hdmi|modem|phoneline|dmix|dsnoop|null|jack|oss"
    r"|lavrate|samplerate|speexrate|speex|upmix|vdownmix)(?::.*)?"
)
"""Names of ALSA plugins, which ALSA lists among the devices."""


async def about_sound(app: App) -> list[Check]:
    try:
        async with asyncio.timeout(LIST_SECONDS):
            backend, devices = await in_thread(partial(listed, app.settings.audio_backend))
    except TimeoutError:
        return [Check("sound", "devices", "the sound system does not answer", RESTART, "broken")]
    except AudioDeviceError as error:
        return [failed("sound", "devices", error)]
    checks = [Check("sound", "library", backend.name)]
    wanted: tuple[tuple[Kind, str], ...] = (("input", app.settings.input_device), ("output", app.settings.output_device))
    checks += [about_device(kind, name, devices) for kind, name in wanted]
    if all(check.mark == "ok" for check in checks):
        checks.append(await about_microphone(app))
    return [*checks, about_interrupting(app.settings.barge_in, canceller=available())]


def listed(name: str) -> tuple[Backend, list[Device]]:
    """Return the audio library called `name`, and its devices."""
    backend = open_backend(name)
    return backend, backend.devices()


def about_device(kind: Kind, wanted: str, devices: list[Device]) -> Check:
    known = [device for device in devices if device.kind == kind]
    if not known:
        return Check("sound", WORDS[kind], "there is none", Remedy("Connect one, and see that the system lists it."), "broken")
    try:
        chosen = find_device(devices, wanted, kind)
    except AudioDeviceError as error:
        return failed("sound", WORDS[kind], error)
    chosen = chosen or next((device for device in known if device.is_default), known[0])
    others = ", ".join(device.name for device in known if device != chosen and not PLUGINS.fullmatch(device.name))
    return Check("sound", WORDS[kind], chosen.name + (f" (others: {others})" if others else ""))


async def about_microphone(app: App) -> Check:
    """Open the microphone briefly and check for anything but digital silence."""
    from voicemode.transports.local import LocalTransport

    alive, seconds = False, 0.0
    try:
        # A separate transport, because a conversation may be in progress.
        async with one(LocalTransport.plain(app.settings)) as frames:
            async for frame in frames:
                alive, seconds = alive or bool(frame.pcm.strip(b"\0")), seconds + frame.seconds
                if alive or seconds >= LISTEN_SECONDS:
                    break
    except AudioDeviceError as error:
        return failed("sound", "listening", error)
    if alive:
        return Check("sound", "listening", "the microphone delivers sound")
    # No failure: some microphones are silent by design until someone speaks.
    return Check("sound", "listening", "only digital silence", Remedy(UNMUTE), "attention")


def about_interrupting(barge_in: str, *, canceller: bool) -> Check:
    """Check if people can interrupt us with the current VOICEMODE_BARGE_IN."""
    name = "talking over us"
    if barge_in == "off":
        return Check("sound", name, "off")
    if barge_in == "headphones":
        return Check("sound", name, "on, for headphones: no echo is removed")
    if canceller:
        return Check("sound", name, "on, the echo canceller is installed; how well it can work: voicemode doctor --echo")
    mark: Mark = "broken" if barge_in == "on" else "attention"
    return Check("sound", name, "off: the echo canceller is not installed", to_install(extra="echo"), mark)
