from voicemode.engines.server.progress import EngineProgress
from voicemode.models.sources import SourceProgress


def test_a_server_tells_how_far_its_weights_are_and_then_that_it_loads() -> None:
    news = EngineProgress()
    assert news.text == ""
    news(SourceProgress("whisper-base", "the hub", 74_000_000, 148_000_000))
    assert news.text == "fetching whisper-base from the hub: 50 % of 148 MB"
    news.fetched()
    assert news.text == "loading the engine"


def test_where_nothing_has_to_be_fetched_there_is_no_news() -> None:
    news = EngineProgress()
    news.fetched()
    assert news.text == ""
