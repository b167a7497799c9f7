"""What `bench/turns` is made of, where it needs neither sound card nor clock."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.turn_taking import long
from bench.turn_taking.__main__ import arguments, pair
from bench.turn_taking.curves import Curve, figures, p90, table
from bench.turn_taking.ears import ears
from bench.turn_taking.listener import Listener, load_listener, save_listener
from bench.turn_taking.loudness import loudness, pauses, voice_span
from bench.turn_taking.offline import Bench
from bench.turn_taking.outcomes import Outcome, missing, outcome
from bench.turn_taking.parts import AUDIBLE, Understood, audible, sentences, speeches
from bench.turn_taking.parts import figures as parts_figures
from bench.turn_taking.recalled import Memory, RecalledVad
from bench.turn_taking.recordings import OWN, Clip, clips
from bench.turn_taking.utterances import (
    Utterance,
    between,
    complete,
    find_cut,
    find_cuts,
    one_after_another,
    room,
    utterances,
    with_pause,
    words_before,
)
from bench.turn_taking.words import timed
from tests.support.fakes import LoudnessVad, tone
from tests.support.people import CLIPS
from tests.support.virtual_time import run
from voicemode.audio.frames import Frame, join, silence
from voicemode.audio.vad import RATE

LOUD, SOFT = 9000, 40


def bursts(*seconds: float) -> Frame:
    """A voice and silence in turn, so long each."""
    return join([tone(each, level=SOFT if index % 2 else LOUD) for index, each in enumerate(seconds)], RATE)


def spoken(transcript: str, *seconds: float) -> Clip:
    audio = bursts(*seconds)
    return Clip("made up", audio, timed(audio, transcript))


def recorded(name: str = "austen-0880") -> Clip:
    return next(clip for clip in clips(OWN) if clip.name == name)


def texts(clip: Clip, before: float) -> str:
    return " ".join(word.text for word in words_before(clip.words, before))


def test_speech_is_from_the_first_sound_to_the_last() -> None:
    audio = join([silence(0.5, RATE), bursts(1.0, 0.3, 0.5), silence(0.2, RATE)], RATE)
    assert voice_span(audio) == pytest.approx((0.5, 2.3), abs=0.011)
    (pause,) = pauses(audio, 0.12)
    assert pause == pytest.approx((1.5, 1.8), abs=0.011)


def test_words_take_time_by_their_letters_and_silences_fall_between_them() -> None:
    clip = spoken("one three four five", 1.0, 0.5, 1.1)
    assert [(word.text, round(word.start, 1), round(word.end, 1)) for word in clip.words] == [
        ("one", 0.0, 0.4),
        ("three", 0.4, 1.0),
        ("four", 1.5, 2.0),
        ("five", 2.0, 2.6),
    ]


def test_every_word_of_every_recording_has_a_time() -> None:
    for clip in clips(OWN):
        assert " ".join(word.text for word in clip.words) == CLIPS[f"{clip.name}.wav"]
        edges = [edge for word in clip.words for edge in (word.start, word.end)]
        assert edges == sorted(edges)
        start, end = voice_span(clip.audio)
        assert start == edges[0] < edges[-1] <= end


def test_a_pause_is_put_where_the_middle_of_a_sentence_is_quietest() -> None:
    clip = spoken("one two three four five six", 0.5, 0.1, 1.0, 0.06, 1.0, 0.1, 0.5)
    assert find_cut(clip) == pytest.approx(1.63, abs=0.03)


def test_no_pause_is_put_where_a_sentence_ends() -> None:
    clip = spoken("one two three. four five six one two three", 1.4, 0.2, 1.7, 0.06, 1.9)
    assert find_cut(clip) == pytest.approx(3.33, abs=0.03)
    assert find_cut(spoken("one two three. four five six", 1.4, 0.2, 1.4)) is None


def test_each_quiet_place_of_a_sentence_gets_a_pause_of_its_own() -> None:
    clip = spoken("one two three four five six", 1.0, 0.1, 1.0, 0.06, 1.0, 0.1, 1.0)
    assert sorted(find_cuts(clip, 4)) == pytest.approx([1.05, 2.13, 3.21], abs=0.05)
    assert len(find_cuts(clip, 2)) == 2
    assert len(utterances([clip], (0.7, 1.3), places=4)) == 1 + 2 * 3


def test_no_more_pauses_are_put_where_somebody_speaks() -> None:
    assert len(find_cuts(spoken("one two three four five six", 2.0, 0.1, 2.0), 4)) == 1


def test_two_words_have_no_middle() -> None:
    assert find_cut(spoken("three blind mice", 0.5, 0.06, 0.5)) is None


def test_a_pause_for_thought_is_room_noise_and_moves_the_rest() -> None:
    clip = recorded()
    cut = find_cut(clip)
    assert cut is not None
    utterance = with_pause(clip, cut, 1.3)
    longer = utterance.audio.seconds - clip.audio.seconds
    assert longer == pytest.approx(1.3, abs=0.1), "the stop of a consonant is silent, too"
    assert utterance.last_sound == pytest.approx(voice_span(clip.audio)[1] + longer, abs=0.05)
    inside = between(utterance.audio, cut + 0.1, cut + 1.2)
    assert inside.pcm.strip(b"\0"), "a microphone always hisses"
    assert [word.text for word in utterance.words] == [word.text for word in clip.words]
    assert all(word.end <= cut or word.start >= cut + longer for word in utterance.words)


def test_a_pause_that_is_there_already_becomes_as_long_as_wanted() -> None:
    clip = spoken("one two three four five six", 1.0, 0.5, 1.0)
    utterance = with_pause(clip, 1.25, 0.7)
    (pause,) = pauses(utterance.audio, 0.12)
    assert pause[1] - pause[0] == pytest.approx(0.7, abs=0.011)
    assert with_pause(clip, 1.25, 0.3).audio.seconds == pytest.approx(clip.audio.seconds), "a longer one stays"


def test_the_set_is_whole_sentences_and_each_pause_once() -> None:
    said = utterances(clips(OWN), (0.7, 1.3))
    assert [each.pause_seconds for each in said] == [0.0] * 5 + [0.7, 1.3] * 5


def test_somebody_can_talk_for_a_minute() -> None:
    long = one_after_another(clips(OWN), gap=0.3, seconds=60.0)
    assert 60.0 <= long.last_sound < 68.0
    starts = [word.start for word in long.words]
    assert starts == sorted(starts)


@pytest.mark.parametrize("lead", [0.0, 0.5])
def test_the_listener_understands_what_it_is_given(lead: float) -> None:
    clip = recorded()
    listener = Listener(clip.audio, clip.words)
    heard = join([room(clip.audio, lead), clip.audio, room(clip.audio, 1.0)], RATE)
    assert listener.hear(heard) == "He was not an ill disposed young man."


def test_the_listener_understands_what_has_been_said_so_far_and_what_comes_then() -> None:
    clip = recorded()
    cut = find_cut(clip)
    assert cut is not None
    first, rest = between(clip.audio, 0.0, cut), between(clip.audio, cut, clip.audio.seconds)
    careless, plain = Listener(clip.audio, clip.words), Listener(clip.audio, clip.words, "plain")
    assert (careless.hear(first), plain.hear(first)) == ("He was not an ill.", "He was not an ill")
    assert careless.hear(rest) == plain.hear(rest) == "disposed young man."


def test_the_listener_misses_a_word_that_was_clipped() -> None:
    clip = recorded()
    late = between(clip.audio, clip.words[0].end, clip.audio.seconds)
    assert Listener(clip.audio, clip.words).hear(late) == "was not an ill disposed young man."


def test_the_listener_makes_nothing_of_silence() -> None:
    clip = recorded()
    assert Listener(clip.audio, clip.words).hear(room(clip.audio, 2.0)) == ""


def test_a_listener_can_be_told_in_another_process(tmp_path: Path) -> None:
    clip = recorded()
    save_listener(tmp_path / "told", clip.audio, clip.words, "plain")
    assert load_listener(tmp_path / "told").hear(clip.audio) == "He was not an ill disposed young man."


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("He was not an ill-disposed young man.", 0, 0),
        ("Voice response: was not an ill disposed young man. | Timing: 1.2 s", 1, 0),
        ("He was not an.", 0, 4),
        ("He was not an ill disposed young", 0, 1),
        ("", 8, 8),
    ],
)
def test_what_is_missing_is_counted_at_both_ends(text: str, start: int, end: int) -> None:
    assert missing(CLIPS["austen-0880.wav"].split(), text) == (start, end)


def test_a_turn_is_measured_without_waiting(tmp_path: Path) -> None:
    bench = Bench(Memory(None).detectors, ears("careless"), tmp_path)
    curve = bench.curve("700ms", utterances([recorded()], (1.3,)))
    whole, paused = curve.outcomes
    assert whole.text == "He was not an ill disposed young man."
    assert 0.5 < whole.wait_seconds < 1.1
    assert not whole.cut_off
    assert paused.cut_off


def test_what_was_heard_before_is_not_asked_again() -> None:
    asked: list[Frame] = []

    class Asked(LoudnessVad):
        def is_speech(self, frame: Frame) -> bool:
            asked.append(frame)
            return super().is_speech(frame)

    frames = [tone(0.02, level) for level in (0, LOUD, 0, LOUD)]
    known: dict[bytes, bool] = {}
    first, again = ([vad.is_speech(frame) for frame in frames] for vad in (RecalledVad(Asked(), known) for _ in range(2)))
    assert first == again == [False, True, False, True]
    assert len(asked) == len(frames)
    other = RecalledVad(Asked(), known)
    assert [other.is_speech(frame) for frame in (*frames[:2], frames[1])] == [False, True, True]
    assert len(asked) == len(frames) + 3, "it was told what came before"


def gone(wait: float, text: str = "he was not an ill disposed young man", pause: float = 0.0) -> Outcome:
    clip = recorded()
    said = Utterance(
        name=clip.name, audio=clip.audio, words=clip.words, last_sound=3.0, pause_seconds=pause, paused_at=min(1.0, pause)
    )
    return outcome(said, wait, "silence", text)


def test_whoever_is_answered_while_speaking_or_loses_more_than_a_word_was_cut_off() -> None:
    assert not gone(0.5).cut_off
    assert gone(-0.1).cut_off
    assert gone(0.1, "he was not an").cut_off


def test_one_word_too_few_is_lost() -> None:
    assert gone(0.5, "was not an ill disposed young man").first_word_lost
    assert gone(0.5, "he was not an ill disposed young").last_word_lost
    assert not gone(-1.0, "he was not an").last_word_lost, "that is another fault"


def test_a_curve_is_a_line_of_the_table() -> None:
    waits = [gone(0.1 * number) for number in range(1, 11)]
    curve = Curve("normal", (*waits, gone(-1.0), gone(0.4, pause=1.3), gone(-1.0, pause=1.3)))
    assert table([curve, Curve("nobody", ())]).splitlines() == [
        "        last sound → result  cut off in a pause of",
        "        median     p90  own  1.3 s",
        "----------------------------------",
        "normal  0.55 s  0.91 s  9 %   50 %",
        "nobody       –       –  0 %    0 %",
    ]


def test_the_aims_are_those_of_the_issue() -> None:
    curve = Curve("normal", (gone(0.6), gone(0.6), gone(0.4, pause=1.3)))
    assert [figure.verdict for figure in figures(curve)] == ["ok"] * 5
    impatient = Curve("normal", (gone(0.6), gone(-1.0, "he was not", pause=1.3)))
    assert [figure.verdict for figure in figures(impatient)] == ["ok"] * 4 + ["missed"]


def test_a_turn_that_ended_before_its_pause_says_nothing_about_pauses() -> None:
    clip = recorded()
    said = with_pause(clip, 1.7, 1.3)
    early, late = (outcome(said, seconds - said.last_sound, "silence", "he was") for seconds in (1.0, 2.5))
    assert (early.early, late.early) == (True, False)
    assert Curve("normal", (early, late)).paused(1.3) == [late]


def test_a_turn_that_ended_after_its_pause_was_not_ended_by_it() -> None:
    said = with_pause(recorded(), 1.7, 1.3)
    inside, later = (outcome(said, seconds - said.last_sound, "silence", "he was") for seconds in (3.2, 3.9))
    assert (inside.cut_in_pause, later.cut_in_pause) == (True, False)
    assert later.cut_off
    assert Curve("normal", (inside, later)).cut_off(1.3) == 50.0


def test_those_by_whom_the_waits_were_chosen_are_told_from_those_held_out() -> None:
    known, others = replace(gone(0.4), name="jfk"), [gone(0.6), gone(0.8)]
    lines = table([Curve("normal", (known, *others))]).splitlines()
    assert [line.split("  ")[0].strip() or line.strip().split("  ")[0] for line in lines[3:]] == [
        "normal",
        "tuned by",
        "held out",
    ]
    assert [figure.values for figure in figures(Curve("normal", (known, *others))) if "sound" in figure.name] == [
        (0.4, 0.6, 0.8),
        (0.6, 0.8),
    ]


def test_a_minute_may_not_take_longer_than_a_sentence() -> None:
    verdicts = [figure.verdict for figure in long.figures([gone(0.6), gone(0.7)], [gone(0.75), gone(0.8)])]
    assert verdicts == ["ok", "", "ok"]
    assert long.figures([gone(0.6)], [gone(-9.0)])[0].verdict == "missed", "cut off"


def test_nine_of_ten_are_no_more() -> None:
    assert p90([float(number) for number in range(11)]) == 9.0
    assert p90([0.4]) == 0.4


def test_virtual_time_passes_at_once_and_in_order() -> None:
    async def race() -> list[tuple[float, int]]:
        loop, finished = asyncio.get_running_loop(), list[tuple[float, int]]()

        async def runner(seconds: int) -> None:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(finished.append, (loop.time(), seconds))

        await asyncio.gather(*map(runner, (3600, 60)))
        return finished

    assert [(round(at), seconds) for at, seconds in run(race())] == [(60, 60), (3600, 3600)]


def test_virtual_time_says_when_nothing_will_happen() -> None:
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        run(asyncio.Event().wait())


def test_another_program_is_told_in_one_line() -> None:
    given = ["--command", "uvx voice-mode", "--argument", "message=Well?", "--argument", "wait_for_response=true"]
    options = arguments(given)
    assert options.command == ["uvx", "voice-mode"]
    assert dict(options.argument) == {"message": "Well?", "wait_for_response": True}
    assert pair("VOICEMODE_TTS_BASE_URLS={url}") == ("VOICEMODE_TTS_BASE_URLS", "{url}")


def test_room_noise_is_as_loud_as_the_room() -> None:
    noise = np.frombuffer(room(bursts(1.0, 1.0), 1.0).pcm, "<i2")
    assert np.std(noise) == pytest.approx(SOFT, rel=0.1)
    assert complete(recorded()).pause_seconds == 0.0


def heard(said: str, whole: str, parts: str, seconds: float = 5.0, ready: float = 0.5) -> Understood:
    return Understood(seconds=seconds, said=said, whole=whole, parts=parts, ready_seconds=ready)


@pytest.mark.parametrize(
    ("whole", "parts", "lost"),
    [
        ("Mend the coat.", "Mend the coat!", (0, 0)),
        ("Mend the coat.", "Men the coat.", (0, 0)),
        ("Mend the coat.", "The coat.", (1, 0)),
        ("Mend the coat.", "Mend the", (0, 1)),
        ("Mend the coat.", "", (3, 3)),
        ("Mend the coat.", "Please mend the coat now.", (0, 0)),
    ],
)
def test_a_word_is_lost_if_nothing_stands_for_it(whole: str, parts: str, lost: tuple[int, int]) -> None:
    assert heard("mend the coat", whole, parts).lost == lost


def test_a_turn_in_parts_is_held_against_the_whole_and_a_minute_against_a_sentence() -> None:
    short = [heard("one two three four", "one two three four", "one two three", ready=0.4)]
    long = [heard("one two", "one two", "one two", seconds=61.0, ready=0.5)]
    shown = {figure.name: (figure.values[0], figure.verdict) for figure in parts_figures(short, long)}
    assert shown["WER of 1 turns of a sentence or two, part by part"] == (25.0, "missed")
    assert shown["WER of 1 turns of 30 to 60 s, part by part"] == (0.0, "ok")
    assert shown["last word lost, of 2 turns"] == (1.0, "missed")
    assert shown["how much longer that is"][1] == "ok"


def test_a_hundred_turns_are_made_of_all_recordings() -> None:
    said = [audible(clip) for clip in [*clips(OWN), faint()]]
    assert len(sentences(said)) >= 3 * len(said)
    assert [round(each.audio.seconds) >= 30 for each in speeches(said)] == [True] * 9
    level = float(np.percentile(loudness(audible(faint()).audio), 99))
    assert level == pytest.approx(AUDIBLE, rel=0.05)


def faint() -> Clip:
    audio = join([tone(1.0, level=60), tone(0.4, level=4), tone(1.0, level=60)], RATE)
    return Clip("faint", audio, timed(audio, "one two three four"))
