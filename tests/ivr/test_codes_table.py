"""The table of codes: they do not clash with each other or with extensions, and have texts for every state."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from every import every
from hypothesis import given
from hypothesis import strategies as st
from properties import patient
from snapshots import snapshot

from cli.main import main
from dialplan.codes import ARGUMENT_DIGITS, Code
from ivr.asterisk.ari.events import Channel
from ivr.callbacks import prompts
from ivr.check import codes_check
from ivr.check.code_clashes import find_clashes, find_foreign_clashes, matches
from ivr.codes import table
from ivr.codes.help_call import Leg, end_left_over, open_offers
from ivr.codes.registry import CODES
from ivr.codes.runner import find_dialled as dialled
from ivr.codes.state_prompts import state_prompts
from ivr.flow.file import read_draft
from ivr.home.settings import CHECKOUT
from ivr.model.floor_protocol import OperatorEvent
from ivr.site import site
from ivr.site.codes import Codes
from prompts import catalogue
from routing.states import ABSENT, LOGGED_OUT, UNREACHABLE, Operator, OperatorState, Trigger

PAUSES = ("break", "lunch")
SITE = CHECKOUT / "sites" / "consulate"


def hatif(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str) -> None:
    monkeypatch.setenv("HATIF_HOME", str(tmp_path))
    monkeypatch.setenv("HATIF_SITE", str(SITE))
    monkeypatch.setattr(sys, "argv", ["hatif", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def every_state() -> Iterator[Operator]:
    reasons = {
        OperatorState.PAUSED: (*PAUSES, "no_answer", "refused", "pause", "something of before"),
        OperatorState.AWAY: (ABSENT, UNREACHABLE, LOGGED_OUT),
    }
    for state in OperatorState:
        for reason in reasons.get(state, ("",)):
            for after in (None, "lunch", "pause", LOGGED_OUT):
                yield Operator("1001", {"fr": 5}, state=state, reason=reason, pause_after=after)


def test_every_state_has_texts_in_every_language() -> None:
    known = catalogue.load(SITE)
    prompts = {text for operator in every_state() for text in state_prompts(operator, PAUSES)}
    wanted = {*prompts, *table.texts(("ar", "fr"), PAUSES)}
    for language in ("ar", "fr", "es", "it", "nl", "de", "en"):
        assert all(known.text(language, str(text)) for text in wanted), language
    assert {str(text) for text in prompts} <= {*table.texts((), PAUSES)}, "the check of a site looks for all of them"
    for operator in every_state():
        assert state_prompts(operator, PAUSES), operator


def test_the_site_check_covers_every_text_of_codes_conversations_and_call_backs() -> None:
    prefixes = ("callback_", "code_", "supervision_", "talk_", "told_")
    named = ("code_language_", "talk_language_", "talk_topic_")  # named after the site's languages and topics
    site_ = site.load(SITE)
    flow = read_draft((SITE / "flow.yaml").read_text(encoding="utf-8"), "").flow.texts
    looked_for = {*table.texts((), site_.operators.pauses), *codes_check.talk_texts(()), *prompts.TEXTS, *flow}
    ids = {
        prompt for prompt in catalogue.load(SITE).ids if prompt.startswith(prefixes) and not prompt.startswith(named)
    }
    assert len(ids) > 60
    assert ids - looked_for == set()


def test_a_pause_after_the_present_call_is_played_as_well() -> None:
    talking = Operator("1001", {"fr": 5}, state=OperatorState.TALKING, reason="", pause_after="lunch")
    assert state_prompts(talking, PAUSES) == ["code_talking", "code_pause_lunch", "code_paused_after"]


async def test_the_question_for_the_reason_of_a_pause_names_the_key_that_chooses_it() -> None:
    asked: list[str] = []
    changes: list[OperatorEvent] = []

    async def listen(*prompts: str) -> str:
        asked[:] = prompts
        return pressed

    async def change(event: OperatorEvent) -> Operator:
        changes.append(event)
        return Operator("1001", {"fr": 5}, state=OperatorState.PAUSED, reason=event.reason)

    async def say(*_: object) -> None:
        pass

    call: Any = SimpleNamespace(
        resumed=False, argument="", operator=SimpleNamespace(id="1001"), listen=listen, say=say,
        services=SimpleNamespace(site=SimpleNamespace(operators=SimpleNamespace(pauses=PAUSES))),
        floor=SimpleNamespace(change=change),
    )  # fmt: skip
    for pressed, reason in zip("12", PAUSES, strict=True):
        await CODES["pause"](call)
        assert asked[asked.index(f"code_pause_{reason}") + 1] == f"key_{pressed}"
        assert (changes[-1].trigger, changes[-1].reason) == (Trigger.PAUSE, reason)


def test_the_site_the_table_and_the_dialplan_have_the_same_codes() -> None:
    assert {*table.CODES} == {*Codes().digits} >= {*CODES}
    for name, digits in Codes().digits.items():
        code = Code(name, digits, bool(table.CODES[name].argument))
        longest = digits + "9" * ARGUMENT_DIGITS
        assert matches(name, digits, longest) is (len(code.patterns) == ARGUMENT_DIGITS + 1)
        assert not matches(name, digits, longest + "9")


def test_the_default_codes_do_not_clash_and_disabled_ones_clash_with_nothing() -> None:
    assert list(find_clashes(Codes().digits, ["1001", "1901"])) == []
    off = Codes(ready="", pause="*10")
    assert "ready" not in off.digits and list(find_clashes(off.digits)) == []


@pytest.mark.parametrize(
    ("codes", "operators", "message"),
    [
        ({"ready": "*1", "pause": "*1"}, (), "*1 is already ready; give one of them other digits"),
        ({"ready": "*111", "pause": "*11"}, (), "*111 for ready is also *11 for pause followed by a digit; give "),
        ({"transfer": "*3", "hold": "*30"}, (), "*30 for hold is also *3 for transfer followed by a digit; give "),
        ({"ready": "1001"}, ("1001",), "1001 is also dialled for the operator 1001; begin it with * or #"),
        ({"pause": "10"}, ("1002", "1003"), "10 is also dialled for the operator 1002; begin it with * or #"),
    ],
)
def test_two_identical_codes_are_reported_once(codes: dict[str, str], operators: tuple[str, ...], message: str) -> None:
    ((names, sentence),) = find_clashes(codes, operators)
    assert set(names) <= {*codes}
    assert sentence.startswith(message)


@pytest.mark.parametrize("codes", [{"ready": "*1", "who_am_i": "*10"}, {"pause": "*1", "ready": "*1*"}])
def test_a_code_that_only_begins_like_another_does_not_clash(codes: dict[str, str]) -> None:
    assert list(find_clashes(codes, ("1001",))) == []


@every(
    ("extension", "meets"),
    [
        *(
            ("*10", True),
            ("*1-0", True),
            ("_*XX", True),
            ("_*1[0-3]", True),
            ("_*.", True),
            ("_!", True),
            ("_*1N", False),
        ),
        *(("*100", False), ("_XXX", False), ("s", False), ("_*10.", False), ("_*10!", True), ("_[*#]ZZ", False)),
    ],
)
def test_an_extension_of_the_administrator_clashes_with_a_code_if_both_could_be_dialled(
    extension: str, meets: bool
) -> None:
    sentences = find_foreign_clashes({"ready": "*10"}, [extension])
    assert len(sentences) == meets
    assert all(f"the code ready (*10) clashes with the extension {extension}, " in item for item in sentences)


def test_an_extension_clashes_with_a_code_also_by_the_digits_after_it() -> None:
    assert find_foreign_clashes({"pause": "*11"}, ["*115", "_*11XXX.", "*11*"]) == [
        sentence
        for extension in ("*115", "_*11XXX.")
        for sentence in find_foreign_clashes({"pause": "*11"}, [extension])
    ]
    assert len(find_foreign_clashes({"pause": "*11"}, ["*115", "_*11XXX.", "*11*"])) == 2


@patient
@given(
    st.dictionaries(st.sampled_from(sorted(table.CODES)), st.from_regex(r"[*#0-9]{1,4}", fullmatch=True), min_size=1)
)
def test_without_a_reported_clash_digits_match_at_most_one_code(codes: dict[str, str]) -> None:
    if list(find_clashes(codes)):
        return
    for dialled_number in (
        *codes.values(),
        *(f"{digits}{more}" for digits in codes.values() for more in ("1", "1001")),
    ):
        meant = [name for name, digits in codes.items() if matches(name, digits, dialled_number)]
        assert len(meant) <= 1, dialled_number


def test_codes_are_listed_for_people_and_for_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hatif(monkeypatch, tmp_path, "dialplan", "codes", "--json")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["pause"]["code"], rows["ready"]["argument"]) == ("*11", None)
    assert all(row["does"] for row in rows.values()) and rows.keys() == table.CODES.keys()
    hatif(monkeypatch, tmp_path, "dialplan", "codes")
    assert "*11" in capsys.readouterr().out


# After a restart


def channel(identity: str, data: str, state: str = "Up", application: str = "Stasis") -> Channel:
    return snapshot(identity, data, state=state, application=application)


def test_a_start_finds_codes_and_helping_supervisors_by_their_channels_alone() -> None:
    asked, other = "node1-1700000000.7", "node1-1700000000.9"
    claimed, aside = Leg("1901", asked, claimed=True), Leg("1902", asked, claimed=False)
    assert [Leg.named(leg.id) for leg in (claimed, aside)] == [claimed, aside]
    assert Leg.named("0190-some-offer") is None
    code = channel(asked, "hatif,code,help,1001,")
    legs = [channel(claimed.id, "hatif,leg", "Ringing", "AppDial2"), channel(aside.id, "hatif,leg")]
    assert dialled([code, *legs]) == [(code, ("code", "help", "1001", ""))]
    assert [(offer.offer, offer.operator, offer.talking) for offer in open_offers([code, *legs])] == [
        (claimed.id, "1901", False)
    ]
    assert end_left_over([code, *legs]) == []
    lost = Leg("1903", other, claimed=True)
    requests = end_left_over([code, *legs, channel(lost.id, "hatif,leg")])
    assert [request.uri for request in requests] == [f"channels/{lost.id}", f"bridges/help-{other}"]
    # The supervisor who was rung is free: no message would tell the floor of that leg's end.
    assert open_offers([code, *legs, channel(lost.id, "hatif,leg")]) == open_offers([code, *legs])
    # A code that the dialplan has taken over no longer belongs to the controller.
    given_back = channel(asked, "hatif/fr/code_unavailable", application="Playback")
    assert dialled([given_back]) == [] and len(end_left_over([given_back, *legs])) == 4
