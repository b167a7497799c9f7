from voicemode.engines.server.progress import EngineProgress
from voicemode.progress import Progress


def test_a_server_tells_how_far_its_weights_are_and_then_that_it_loads() -> None:
    news, half = EngineProgress(), Progress("downloading", "whisper-base", done=74e6, total=148e6)
    news(half)
    assert news.latest == half
    news.fetched()
    assert news.latest == Progress("loading", "the engine")


def test_where_nothing_has_to_be_fetched_there_is_no_news() -> None:
    news = EngineProgress()
    news.fetched()
    assert news.latest is None
