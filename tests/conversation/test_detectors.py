"""The turn model: had where it can be, and never waited for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.file_server import FileServer
from voicemode.app import open_app
from voicemode.config import Settings, load_settings
from voicemode.conversation.detectors import Detectors, hears_melody
from voicemode.models.manifests import SMART_TURN
from voicemode.models.sources import HubRepository
from voicemode.progress import nobody
from voicemode.services.install.installation import Installed
from voicemode.tools.install import with_turn_model

pytestmark = pytest.mark.anyio


def installed(*, dry_run: bool = False) -> Installed:
    return Installed(
        service="whisper", changed=False, dry_run=dry_run, url="", model="", environment="", supervisor="systemd", did=()
    )


@pytest.fixture
def hub(weights: Callable[[str], Path]) -> Iterator[str]:
    """The URL of a mirror that has the turn model."""
    pytest.importorskip("onnxruntime")
    (file,) = SMART_TURN.files
    source = next(source for source in SMART_TURN.sources if isinstance(source, HubRepository))
    path = f"/{source.repository}/resolve/{source.revision}/{file.name}"
    with FileServer({path: (weights(SMART_TURN.name) / file.name).read_bytes()}).serving() as server:
        yield server.url


@pytest.mark.engine
async def test_it_is_fetched_where_weights_may_be_and_heard_with_from_then_on(hub: str, tmp_path: Path) -> None:
    hearing = Detectors(Settings(models_dir=tmp_path, hf_endpoint=hub))
    await hearing.load(nobody)
    assert hearing.detectors().turn_model is None, "loading fetches nothing"
    await hearing.fetch(nobody)
    assert hearing.detectors().turn_model is not None


@pytest.mark.parametrize("settings", [Settings(offline=True), Settings(local_only=True), Settings(turn_model="off")])
async def test_where_it_may_not_be_fetched_it_is_done_without_silently(
    settings: Settings, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hearing = Detectors(settings)
    for _ in range(2):
        await hearing.fetch(nobody)
        await hearing.load(nobody)
    assert hearing.detectors().turn_model is None
    assert not settings.models_path.exists()
    assert caplog.text == ""


@pytest.mark.engine
async def test_whoever_installs_ears_gets_it_too(hub: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    environ = {"VOICEMODE_MODELS_DIR": str(models), "HF_ENDPOINT": hub}
    async with open_app(lambda: load_settings(environ=environ)) as opened:
        app = await opened.now()
        would = await with_turn_model(app, installed(dry_run=True))
        assert "download Smart Turn v3.2" in would.did[0]
        assert not models.exists()
        done = await with_turn_model(app, installed())
        assert (done.changed, "fetched Smart Turn v3.2" in done.did[0]) == (True, True)
        assert (models / "smart-turn").is_dir()
        assert await with_turn_model(app, installed()) == installed()


async def test_an_installation_does_not_fail_for_want_of_it(tmp_path: Path) -> None:
    # A folder that cannot be made: there is a file.
    (tmp_path / "models").write_text("")
    async with open_app(lambda: load_settings(environ={"VOICEMODE_MODELS_DIR": str(tmp_path / "models")})) as opened:
        app = await opened.now()
        if not hears_melody(app.settings):
            pytest.skip("onnxruntime is not installed")
        done = await with_turn_model(app, installed())
    assert done.did == ()
    assert "Weights cannot be kept" in done.notices[0]
