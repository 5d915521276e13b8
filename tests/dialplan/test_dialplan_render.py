"""The rendered dialplan has no errors for any site that Plan accepts."""

from typing import Any

import pytest
from every import every
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples

from dialplan.lint import lint
from dialplan.parse import parse
from dialplan.plan import PROMPTS, Number, Plan, PlanError, render

PLAN = Plan(
    node="node1",
    numbers=(
        Number("+33800000001", "FR", "fr"),
        Number("0080012345678", None, "ar"),
        Number("0800111", "BE", "fr"),
    ),
    languages=("ar", "fr"),
    operators=("op1", "op2"),
)
SOUNDS = {f"hatif/{language}/{name}" for language in PLAN.languages for name in PROMPTS}


def data(text: str, context: str, extension: str) -> list[str]:
    return [str(step) for step in parse(text).contexts[context][extension]]


def test_a_rendered_dialplan_has_no_findings() -> None:
    assert lint(render(PLAN), SOUNDS) == []


@settings(max_examples=examples(30), deadline=None)
@given(
    numbers=st.lists(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True), unique=True, max_size=30),
    operators=st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.]{1,20}", fullmatch=True), unique=True, max_size=50),
)
def test_no_site_renders_to_a_dialplan_with_findings(numbers: list[str], operators: list[str]) -> None:
    plan = Plan("n1", tuple(Number(number, "FR", "fr") for number in numbers), ("fr",), tuple(operators))
    assert lint(render(plan)) == []


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("+33800000001", {"+33800000001", "0033800000001", "33800000001"}),
        ("0080012345678", {"+80012345678", "0080012345678", "80012345678"}),
        ("0800111", {"0800111"}),
        ("116117", {"116117"}),
    ],
)
def test_a_number_is_found_in_every_form_that_carriers_use(number: str, forms: set[str]) -> None:
    plan = Plan("n1", (Number(number, "FR", "fr"),), ("fr",), ())
    carrier = parse(render(plan)).contexts["hatif-carrier"]
    explicit = {name: str(steps[0]) for name, steps in carrier.items() if not name.startswith("_")}
    assert explicit == dict.fromkeys(forms, f"Goto(hatif-entry,{number},1)")


def test_a_number_sets_country_and_language_and_a_shared_one_no_country() -> None:
    text = render(PLAN)
    assert data(text, "hatif-entry", "+33800000001")[:3] == [
        "Set(HATIF_NUMBER=+33800000001)",
        "Set(HATIF_COUNTRY=FR)",
        "Set(HATIF_LANG=fr)",
    ]
    assert "Set(HATIF_COUNTRY=)" in data(text, "hatif-entry", "0080012345678")


def test_a_carrier_reaches_nothing_but_the_service() -> None:
    plan = parse(render(PLAN))
    leads_to = {step.data.split(",")[0] for steps in plan.contexts["hatif-carrier"].values() for step in steps}
    assert leads_to == {"hatif-entry", "hatif-unknown"}
    assert plan.includes == []


def test_an_operator_is_rung_at_the_address_from_the_site() -> None:
    plan = Plan("n1", (), ("fr",), ("op1",), address="PJSIP/edge/sip:{id}@edge")
    assert data(render(plan), "hatif-member", "op1")[0] == "Gosub(hatif-ring,s,1(op1,PJSIP/edge/sip:op1@edge))"


@every(
    "change",
    [
        {"operators": ("op1,Dial(PJSIP/x)",)},
        {"operators": ("_X.",)},
        {"operators": ("op1\nexten => x,1,NoOp()",)},
        {"operators": ("op1", "op-1")},
        {"operators": ("op1", "op1")},
        {"languages": ("fr)", "ar")},
        {"languages": ()},
        {"languages": ("de",)},
        {"node": "n 1"},
        {"sounds": "hatif/${EXTEN}"},
        {"moh": "x]"},
        {"application": "hatif,x"},
        {"address": "PJSIP/{id},15"},
        {"queue_wait_s": 0},
        {"numbers": (Number("+33800000001", "FR", "fr"), Number("0033800000001", "FR", "fr"))},
    ],
)
def test_values_with_a_special_meaning_to_asterisk_are_refused(change: dict[str, Any]) -> None:
    fields = {"node": "n1", "numbers": PLAN.numbers, "languages": ("ar", "fr"), "operators": ("op1",)}
    with pytest.raises(PlanError):
        Plan(**{**fields, **change})


@pytest.mark.parametrize("number", ["+33 800 000 001", "_X.", "+33800000001,1", "12", "", "+33;", "tel:+33800000001"])
def test_an_invalid_number_is_refused_with_the_expected_form(number: str) -> None:
    with pytest.raises(PlanError, match="digits"):
        Number(number, "FR", "fr")


def test_a_number_that_answers_when_needed_says_so_to_the_fallback() -> None:
    plan = Plan("n1", (Number("+33800000001", "FR", "fr", early=True), Number("+33800000002", "FR", "fr")), ("fr",), ())
    text = render(plan)
    early, usual = (data(text, "hatif-entry", f"+3380000000{digit}") for digit in "12")
    assert "Set(HATIF_EARLY=yes)" in early and not any("HATIF_EARLY" in step for step in usual)
    assert lint(text) == []
