"""An operator in training gets scripted callers and nobody else, and for everybody else they are in a pause."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import small_site
from watched_floor import NO_ANSWER, SHORT_S, UNREACHABLE, a_floor, accepted, ended, ready, refused, wait

from ivr.check.training_check import training_findings
from ivr.controller.reconcile import settled
from ivr.floor.operator_state_store import encode
from ivr.flow.file import read_draft
from ivr.home.settings import EXAMPLE
from ivr.model.endpoints import operator_in_training, training_channel
from ivr.model.floor_protocol import Invite, OpenOffer
from ivr.site import site, training
from prompts import training_audio
from prompts.training_sounds import Sentence, sound_of
from routing.states import TRAINING, OfferState, Operator, OperatorState, Trigger, apply_trigger

SCRIPTED = Invite("scripted", "1001", "operator", training=True)
IN_TRAINING = (OperatorState.PAUSED, TRAINING)


def in_training(identity: str = "1001") -> Operator:
    return ready(identity, state=OperatorState.PAUSED, reason=TRAINING)


# On the floor


async def test_a_scripted_caller_is_offered_to_their_operator_and_real_callers_to_the_others() -> None:
    async with a_floor(in_training(), ready("1002"), wrap_up_s=SHORT_S) as line:
        await line.send(SCRIPTED, wait("real", 5))
        assert sorted(line.offered) == [("real", "1002"), ("scripted", "1001")]
        scripted = next(offer for offer in line.offers if offer.call == "scripted")
        await line.send(accepted(scripted), wait("second", 5))
        known = line.floor.operators["1001"]
        assert (known.state, known.training) == (OperatorState.TALKING, True)
        await line.send(ended(scripted))
        await line.until(lambda: line.state() == IN_TRAINING)
        assert line.waiting == ["second"]
        assert len(line.offers) == 2
        assert all(decision.call != "scripted" for decision in line.decisions)


@pytest.mark.parametrize("end", [NO_ANSWER, OfferState.REFUSED, OfferState.WITHDRAWN])
async def test_a_scripted_caller_who_is_not_taken_costs_nothing_but_the_pause_goes_on(end: OfferState) -> None:
    async with a_floor(in_training()) as line:
        await line.send(SCRIPTED)
        await line.send(refused(line.offer, end))
        assert line.state() == IN_TRAINING
        assert not line.floor.operators["1001"].training


async def test_an_operator_whose_telephone_cannot_be_rung_is_away_in_training_too() -> None:
    async with a_floor(in_training()) as line:
        await line.send(SCRIPTED)
        await line.send(refused(line.offer, UNREACHABLE))
        assert line.state() == (OperatorState.AWAY, "unreachable")


@pytest.mark.parametrize(
    "operator",
    [
        ready(),
        ready(state=OperatorState.PAUSED, reason="lunch"),
        replace(in_training(), present=False),
        replace(in_training(), on_line=True),
    ],
    ids=["ready", "another pause", "no telephone", "in a call of their own"],
)
async def test_a_scripted_caller_gets_nobody_who_is_not_in_training(operator: Operator) -> None:
    async with a_floor(operator) as line:
        await line.send(SCRIPTED)
        assert line.offers == []
        assert line.floor.operators["1001"] == operator


async def test_a_second_scripted_caller_is_not_offered_meanwhile() -> None:
    async with a_floor(in_training()) as line:
        await line.send(SCRIPTED, replace(SCRIPTED, call="another"))
        assert line.offered == [("scripted", "1001")]


async def test_an_operator_who_makes_themselves_ready_in_the_call_is_ready_after_it() -> None:
    async with a_floor(in_training(), wrap_up_s=SHORT_S) as line:
        await line.send(SCRIPTED)
        await line.send(accepted(line.offer))
        known = line.floor.operators["1001"]
        assert apply_trigger(known, Trigger.RESUME, time.time()).pause_after is None


def test_everybody_else_sees_an_operator_in_training_in_their_pause() -> None:
    talking = ready(state=OperatorState.TALKING, offer="leg", training=True, pause_after=TRAINING)
    assert (talking.for_others.state, talking.for_others.reason) == IN_TRAINING
    assert not talking.for_others.is_idle
    real = replace(talking, training=False)
    assert real.for_others is real


def test_a_controller_that_starts_knows_a_scripted_call_by_the_pause_that_was_kept() -> None:
    assert encode(in_training()).startswith("paused|training|")
    (after,) = settled([in_training()], [OpenOffer("leg", "scripted", "1001", True)], time.time(), 20)
    assert (after.state, after.offer, after.training) == (OperatorState.TALKING, "leg", True)
    ended_ = apply_trigger(after, Trigger.ENDED, time.time(), wrap_up_s=20)
    after = apply_trigger(ended_, Trigger.WRAP_UP_OVER, time.time())
    assert (after.state, after.reason, after.training) == (*IN_TRAINING, False)


def test_the_channel_alone_says_whom_a_call_trains() -> None:
    token = "0192f0c4-0000-7000-8000-000000000001"
    assert operator_in_training(training_channel("1001", token)) == "1001"
    for other in ("node1-1795600000.17", f"hatif-script-{token}", f"x{training_channel('1001', token)}", ""):
        assert operator_in_training(other) is None


# The site's files


def test_the_example_site_has_scripted_callers_in_three_languages_without_a_mistake() -> None:
    loaded = site.load(EXAMPLE)
    scripts, found = training.examine(EXAMPLE, loaded)
    assert [str(finding) for finding in found] == []
    assert {script.language for script in scripts.values()} == {"ar", "fr", "en"}
    draft = read_draft((EXAMPLE / "flow.yaml").read_text(), "flow.yaml")
    assert list(training_findings(EXAMPLE, loaded, draft)) == []


GOOD = """\
title: {en: Somebody}
language: en
country: GB
keys: {language: "1"}
say:
  - text: Good morning.
"""


MISTAKES = [
    ("title: {en: Somebody}\n", "", "E_TRAINING_VALUE", 1, "title: is missing"),
    ("language: en", "language: sw", "W_TRAINING_SITE", 2, "not one of the site's; write one of ar, en"),
    ("country: GB", "country: PT", "W_TRAINING_SITE", 3, "no number for 'PT'; write one of GB"),
    ('language: "1"', 'nowhere: "1"', "E_TRAINING_NODE", 4, "no node 'nowhere'"),
    ('language: "1"', 'language: "1a"', "E_TRAINING_VALUE", 4, "keys.language: "),
    ("text: Good morning.", "text: Press <b>", "E_TRAINING_TEXT", 6, "markup"),
    ("text: Good morning.", "recording: none.wav", "E_TRAINING_VALUE", 6, "none.wav does not exist"),
    ("text: Good morning.", "after_s: 2", "E_TRAINING_VALUE", 6, "both a text and a recording, or neither"),
    ("language: en", "language: en\nlanguage: ar", "E_TRAINING_FILE", 3, "'language' occurs twice"),
    ("title:", "title: [", "E_TRAINING_FILE", 2, ""),
    (GOOD, "- 1\n", "E_TRAINING_FILE", 1, "not a mapping"),
    ("say:", "says:", "E_TRAINING_VALUE", 5, "says: is not a valid name"),
    ("text: Good morning.", "text: 'Good  morning.'", "W_TRAINING_TEXT", 6, "double spaces"),
]


@pytest.mark.parametrize(("old", "new", "code", "line", "words"), MISTAKES)
def test_a_mistake_in_a_script_has_its_code_line_and_remedy(
    tmp_path: Path, old: str, new: str, code: str, line: int, words: str
) -> None:
    small = small_site.make(tmp_path / "home")
    folder = small.folder / training.FOLDER
    folder.mkdir()
    (folder / "good.yaml").write_text(GOOD)
    (folder / "somebody.yaml").write_text(GOOD.replace(old, new, 1))
    loaded = site.load(small.folder)
    flow = read_draft((small.folder / "flow.yaml").read_text(), str(small.folder / "flow.yaml"))
    found = [finding for finding in training_findings(small.folder, loaded, flow) if "good.yaml" not in finding.file]
    assert (code, line) in [(finding.code, finding.line) for finding in found], [str(finding) for finding in found]
    assert any(words in f"{finding.found}; {finding.remedy}" for finding in found), [str(finding) for finding in found]
    assert "good" in training.load(small.folder, loaded)


def test_a_country_with_two_numbers_is_named_once(tmp_path: Path) -> None:
    small = small_site.make(tmp_path / "home")
    small.edit("site.toml", "[fallback]", '[[number]]\nnumber = "+44800212001"\ncountry = "GB"\n\n[fallback]')
    (small.folder / training.FOLDER).mkdir()
    (small.folder / training.FOLDER / "somebody.yaml").write_text(GOOD.replace("country: GB", "country: PT", 1))
    (finding,) = training_findings(small.folder, site.load(small.folder), None)
    assert (finding.found, finding.remedy) == ("the site has no number for 'PT'", "write one of GB")


def test_what_scripted_callers_say_is_made_once_and_removed_with_the_script(tmp_path: Path) -> None:
    sounds, hello = tmp_path / "training", Sentence("en", "Good morning.", None)
    assert sound_of(sounds, hello) is None
    assert training_audio.build([hello, hello], sounds) == training_audio.Built(1, ())
    assert sound_of(sounds, hello) is not None
    assert training_audio.build([hello], sounds).made == 0
    gone = training_audio.build([Sentence("en", None, tmp_path / "gone.wav")], sounds)
    assert [problem for problem in gone.problems if "gone.wav cannot be read" in problem]
    assert list(sounds.iterdir()) == []
