"""A reload says what would change, restarts no more than it must, and tells what it cannot do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.upkeep.reload_plan import Plan, make_plan
from ivr.site import operators, site
from ivr.site.flat import flatten
from ivr.site.operators import OperatorEntry

CHECKOUT = Path(__file__).resolve().parents[2]
SITE = CHECKOUT / "sites" / "consulate"
ALL = ("asterisk", "ivr", "guard", "journal", "monitor", "desk", "gate")

PJSIP = """
[global]
type = global
user_agent = Hatif

[udp]
type = transport
bind = 127.0.0.1:5060

[1001]
type = endpoint
callerid = One <1001>
"""


@pytest.fixture(scope="module")
def example() -> site.Site:
    return site.load(SITE)


@pytest.fixture(scope="module")
def people(example: site.Site) -> tuple[OperatorEntry, ...]:
    return operators.load(SITE, example.languages)


@pytest.fixture(scope="module")
def values(example: site.Site, people: tuple[OperatorEntry, ...]) -> dict[str, str]:
    return flatten(example, people)


def plan(before: dict[str, str], after: dict[str, str], **files: tuple[str, str]) -> Plan:
    return make_plan(before, after, {name.replace("_", "."): texts for name, texts in files.items()}, ALL)


def test_nothing_changed_is_nothing_to_do(values: dict[str, str]) -> None:
    assert plan(values, dict(values)).is_empty


def test_an_operator_more_is_named_and_needs_asterisk_only_since_the_controller_takes_them(
    example: site.Site, people: tuple[OperatorEntry, ...], values: dict[str, str]
) -> None:
    new = OperatorEntry("1999", "Tamarisk Carob", {"fr": 5, "ar": 3}, frozenset(), supervisor=False)
    found = plan(
        values,
        flatten(example, (*people, new)),
        pjsip_conf=(PJSIP, PJSIP + "\n[1999]\ntype = endpoint\n"),
        queues_conf=("", "[hatif-fr]\n"),
    )
    assert found.changes == ("operator 1999 (Tamarisk Carob): added",)
    assert found.modules == ("res_pjsip.so", "app_queue.so")
    assert found.processes == () and found.taken and not found.later


def test_an_operator_less_or_edited_is_told_by_what_differs(
    example: site.Site, people: tuple[OperatorEntry, ...], values: dict[str, str]
) -> None:
    first, second, *others = people
    edited = replace(second, languages={"nl": 2}, supervisor=not second.supervisor)
    before_languages = ", ".join(f"{language}:{level}" for language, level in second.languages.items())
    found = plan(values, flatten(example, (edited, *others)))
    assert found.changes == (
        f"operator {first.id} ({first.name}): removed",
        f"operator {second.id}: languages {before_languages} → nl:2;"
        f" supervisor {second.supervisor} → {not second.supervisor}",
    )


def test_entries_that_only_move_within_the_file_have_not_changed(
    example: site.Site, people: tuple[OperatorEntry, ...], values: dict[str, str]
) -> None:
    moved = example.model_copy(update={"number": example.number[::-1], "carrier": example.carrier[::-1]})
    assert flatten(moved, people[::-1]) == values


def test_a_carrier_and_a_limit_are_read_by_the_guard_as_well(
    example: site.Site, people: tuple[OperatorEntry, ...], values: dict[str, str]
) -> None:
    carrier = example.carrier[0].model_copy(update={"hosts": ("192.0.2.7",)})
    changed = example.model_copy(update={"carrier": (carrier, *example.carrier[1:])})
    found = plan(values, flatten(changed, people))
    (change,) = found.changes
    assert change.startswith(f"carrier {carrier.name}: hosts ") and change.endswith("→ 192.0.2.7")
    assert found.processes == ("ivr", "guard")


def test_the_queue_log_is_switched_by_the_process_that_writes_it(values: dict[str, str]) -> None:
    found = make_plan(values, values | {"call_records.queue_log": "true"}, {}, ALL)
    assert found.processes == ("ivr", "journal") and not found.later
    records = {"cdr.conf": ("", "[csv]\n"), "modules.conf": ("", "load = cdr_csv.so\n")}
    assert make_plan(values, values | {"call_records.cdr": "true"}, records, ALL).later == {
        "asterisk": "Asterisk reads cdr.conf, modules.conf at its start only"
    }


def test_a_renewed_certificate_is_read_again_and_restarts_nothing(values: dict[str, str]) -> None:
    found = plan(values, values, sip_pem=("old", "new"), sip_key=("old", "new"))
    assert (found.modules, found.processes, found.later) == (("res_pjsip.so",), (), {})
    assert not found.is_empty


def test_a_number_is_added_and_removed_by_its_name(
    example: site.Site, people: tuple[OperatorEntry, ...], values: dict[str, str]
) -> None:
    gone, *numbers = example.number
    new = gone.model_copy(update={"number": "+33800999999"})
    found = plan(values, flatten(example.model_copy(update={"number": (new, *numbers)}), people))
    assert set(found.changes) == {f"number {gone.number}: removed", "number +33800999999: added"}


def test_processes_that_do_not_run_are_not_restarted(values: dict[str, str]) -> None:
    changed = values | {"desk.listen": json.dumps("192.0.2.1"), "limits.calls_by_source": "7"}
    assert make_plan(values, changed, {}, ("ivr", "guard")).processes == ("ivr", "guard")
    assert make_plan(values, changed, {}, ALL).processes == ("ivr", "guard", "desk", "gate")


def test_the_monitors_own_address_restarts_the_monitor_alone(values: dict[str, str]) -> None:
    assert plan(values, values | {"monitoring.listen": json.dumps("192.0.2.1")}).processes == ("monitor",)


def test_what_asterisk_reads_at_its_start_only_is_told_and_not_done(values: dict[str, str]) -> None:
    found = plan(values, dict(values), rtp_conf=("a", "b"))
    assert found.later == {"asterisk": "Asterisk reads rtp.conf at its start only"} and not found.modules
    moved = plan(values, dict(values), pjsip_conf=(PJSIP, PJSIP.replace("5060", "5061")))
    assert "pjsip.conf (its transports" in moved.later["asterisk"] and moved.modules == ("res_pjsip.so",)


@pytest.mark.parametrize("path", ["node", "node_number", "database.url", "desk.enabled"])
def test_what_all_processes_share_is_told_and_restarts_none_alone(values: dict[str, str], path: str) -> None:
    found = plan(values, values | {path: '"other"'})
    assert found.later["all"].startswith(f"{path}: ") and not found.processes
    besides = plan(values, values | {path: '"other"', "limits.calls_by_source": "7"})
    assert besides.later == found.later and not besides.processes


def test_a_databases_password_is_in_no_value(example: site.Site, people: tuple[OperatorEntry, ...]) -> None:
    def of(url: str | None) -> dict[str, str]:
        database: Any = example.database.model_copy(update={"url": url})
        return flatten(example.model_copy(update={"database": database}), people)

    told = of("postgresql://hatif:hush@db/hatif")
    assert "hush" not in str(told) and "not shown" in told["database.url"]
    assert told["database.url"] != of("postgresql://hatif:other@db/hatif")["database.url"]
    assert of(None)["database.url"] == "null"


def test_a_number_and_the_languages_of_its_country_restart_nothing(
    example: site.Site, people: tuple[OperatorEntry, ...]
) -> None:
    number = site.Number(number="+376800212026", country="AD")
    countries = {**example.countries, "AD": site.Country(languages=("fr",))}
    more = example.model_copy(update={"number": (*example.number, number), "countries": countries})
    found = plan(flatten(example, people), flatten(more, people))
    assert found.changes and found.taken and found.processes == () and not found.later


def test_opening_hours_restart_nothing_and_a_time_zone_does(
    example: site.Site, people: tuple[OperatorEntry, ...]
) -> None:
    closed = example.model_copy(update={"hours": example.hours.model_copy(update={"week": {}, "holidays": None})})
    found = plan(flatten(example, people), flatten(closed, people))
    assert found.changes and found.taken and found.processes == ()
    elsewhere = example.model_copy(update={"hours": closed.hours.model_copy(update={"timezone": "Europe/Paris"})})
    found = plan(flatten(example, people), flatten(elsewhere, people))
    assert not found.taken and found.processes == ("ivr", "desk")
