"""Only the controller makes outgoing calls: the rendered files have no other way to a trunk."""

import configparser
from functools import cache
from pathlib import Path

from asterisk_example import example
from hypothesis import given
from hypothesis import strategies as st

from asterisk_conf import pjsip
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import render
from dialplan.lint import lint
from dialplan.parse import parse
from dialplan.plan import Number, Plan
from dialplan.plan import render as rendered_plan

NUMBERS = (Number("+33800000001", "FR", "fr"),)


def sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return the sections of pjsip.conf, in order, with the last value of each option."""
    return [(item.name, dict(item.options)) for item in pjsip.sections(text)]


def test_the_dialplan_dials_only_operators() -> None:
    plan = parse(rendered_plan(Plan("node1", NUMBERS, ("fr",), ("1001", "1002"))))
    dialling = {
        (context, step.data)
        for context, extensions in plan.contexts.items()
        for steps in extensions.values()
        for step in steps
        if step.application.lower() in ("dial", "originate", "page", "transfer", "followme")
    }
    # The last line of defence calls Asterisk itself, nobody outside.
    last_line = ("hatif-last", "Local/s@hatif-last-hold/n,exten,hatif-last,s,1,,a")
    assert last_line in dialling
    dialling.remove(last_line)
    assert {context for context, _ in dialling} == {"hatif-ring"}
    # Nor can a telephone redirect a call with a 302.
    assert all(data.split(",")[2].startswith("i") for _, data in dialling)
    asked = [
        step.data
        for extensions in plan.contexts.values()
        for steps in extensions.values()
        for step in steps
        if "hatif-ring" in step.data
    ]
    assert sorted(asked) == ["hatif-ring,s,1(1001,PJSIP/1001)", "hatif-ring,s,1(1002,PJSIP/1002)"]


@cache
def contexts_of_a_site() -> dict[str, tuple[str, frozenset[str]]]:
    """Return what all steps of each context of a dialplan say, and which contexts they name."""
    plan = parse(rendered_plan(Plan("node1", NUMBERS, ("fr",), ("1001",))))
    said = {
        name: "\n".join(step.data for steps in extensions.values() for step in steps)
        for name, extensions in plan.contexts.items()
    }
    return {
        name: (data, frozenset(other for other in plan.contexts if f"{other}," in data)) for name, data in said.items()
    }


@given(st.from_regex(r"\+[1-9][0-9]{5,13}", fullmatch=True), st.sampled_from(["hatif-operators", "hatif-carrier"]))
def test_no_number_dialled_by_a_telephone_or_a_carrier_leads_to_a_dial(number: str, context: str) -> None:
    contexts, ahead = contexts_of_a_site(), {context}
    seen: set[str] = set()
    while ahead:
        name = ahead.pop()
        seen.add(name)
        data, others = contexts[name]
        assert number not in data or context == "hatif-carrier"
        ahead |= others - seen
    assert "hatif-member" not in seen and "hatif-ring" not in seen


def test_an_operator_address_that_uses_the_trunk_is_refused() -> None:
    text = rendered_plan(Plan("node1", NUMBERS, ("fr",), ("1001",), address="PJSIP/{id}@trunk-example"))
    assert "E_TRUNK" in {finding.code for finding in lint(text)}


def test_there_is_one_trunk_and_no_incoming_call_is_identified_as_it(tmp_path: Path) -> None:
    out = Carrier("example", ("127.0.0.2",), dial=("127.0.0.2:5070",))
    found = sections(render(example(tmp_path, carriers=(out, Carrier("second", ("127.0.0.3",)))))["pjsip.conf"])
    trunks = [(name, options) for name, options in found if name.startswith("trunk-")]
    endpoint, place = (options for _, options in trunks)
    assert {name for name, _ in trunks} == {"trunk-example"}
    assert (endpoint["aors"], endpoint["identify_by"]) == ("trunk-example", "ip")
    assert (place["type"], place["contact"]) == ("aor", "sip:127.0.0.2:5070")
    # Only endpoints with an identify are identified by address; the trunk has none, and carriers have no contact.
    known = [options["endpoint"] for _, options in found if options.get("type") == "identify"]
    assert known == ["carrier-example", "carrier-second"]
    assert all("aors" not in options for name, options in found if name.startswith("carrier"))


def test_without_a_trunk_there_is_no_way_out(tmp_path: Path) -> None:
    found = sections(render(example(tmp_path, carriers=(Carrier("example", ("127.0.0.2",)),)))["pjsip.conf"])
    aors = {options["aors"] for _, options in found if "aors" in options}
    assert aors == {"1001", "1002", "1003"}
    assert not [options for _, options in found if "contact" in options]


def test_the_manager_interface_may_not_make_calls(tmp_path: Path) -> None:
    manager = configparser.ConfigParser()
    manager.read_string(render(example(tmp_path))["manager.conf"])
    rights = manager["hatif"]["write"].split(",")
    assert not {"originate", "all", "command"} & set(rights)
