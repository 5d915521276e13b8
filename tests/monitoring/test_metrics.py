"""The metrics say what is known, name nobody, and have as many series as the site has languages and numbers."""

from datetime import UTC, datetime
from typing import Any

import pytest
from example_facts import LANGUAGES, NUMBERS, facts, figures, status
from prometheus_client.parser import text_string_to_metric_families

from cli.monitoring.facts import Facts
from cli.monitoring.metrics import render
from cli.processes.check import Check
from cli.processes.troubles import JournalState
from db.enums import Outcome
from ivr.model.call_state import CallState
from ivr.records.call_conclusion import Conclusion, Place
from ivr.records.call_counts import CallCounts
from ivr.records.recorder import Recorder
from ivr.trial.records import FakeReferences, MemoryJournal
from routing.states import OfferState

CALL = "0199a000-0000-7000-8000-00000000000"


def samples(told: Facts) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(render(told).decode())
        for sample in family.samples
    }


def value(told: Facts, name: str, **labels: str) -> float | None:
    return samples(told).get((name, tuple(sorted(labels.items()))))


def test_what_is_known_of_the_line_is_told() -> None:
    told = facts()
    assert value(told, "hatif_build_info", version="0.1.0", node="node1") == 1
    assert value(told, "hatif_serves") == 1
    assert value(told, "hatif_calls", state="talking") == 2 and value(told, "hatif_calls", state="waiting") == 0
    assert value(told, "hatif_calls_ended_total", language="fr", outcome="answered") == 7
    assert value(told, "hatif_waiting_longest_seconds", language="fr") == 42
    assert value(told, "hatif_waiting", language="ar") == 0  # not unknown
    assert value(told, "hatif_offers_total", state="no_answer") == 2
    assert value(told, "hatif_process_up", process="desk") == 0
    assert value(told, "hatif_process_resident_memory_bytes", process="desk") is None
    assert value(told, "hatif_journal_age_seconds") == 1.5
    assert value(told, "hatif_gate_refused_total", status="403") == 1
    assert value(told, "hatif_desk_answers_total", **{"class": "2xx"}) == 90
    assert value(told, "hatif_voices_refused") == 1
    assert value(told, "hatif_limits_reached_total", limit="menus") == 2


def test_answer_times_are_a_histogram_whose_last_class_has_all() -> None:
    told = facts()
    assert value(told, "hatif_answer_seconds_bucket", language="fr", le="5.0") == 3
    assert value(told, "hatif_answer_seconds_bucket", language="fr", le="20.0") == 6
    assert value(told, "hatif_answer_seconds_bucket", language="fr", le="+Inf") == 7
    assert value(told, "hatif_answer_seconds_count", language="fr") == 7
    assert value(told, "hatif_answer_seconds_sum", language="fr") == 1500


def test_without_a_controller_the_rest_is_told_all_the_same() -> None:
    told = facts(Check("controller", False, True, "does not answer"), figures=None)
    assert value(told, "hatif_serves") == 0
    assert value(told, "hatif_check_ok", check="controller", fatal="yes") == 0
    assert value(told, "hatif_ari_connected") is None and value(told, "hatif_calls", state="menu") is None
    assert value(told, "hatif_database_up") == 1


def test_a_database_that_is_away_leaves_no_old_backlog_behind() -> None:
    line = status()
    away = facts(status=type(line)(True, (), JournalState(line.journal.beat, None, "away"), None, None, line.document))
    assert value(away, "hatif_database_up") == 0 and value(away, "hatif_journal_records") is None
    assert value(away, "hatif_journal_delivered_total") == 1234


def test_labels_have_no_values_but_those_that_are_known_beforehand() -> None:
    allowed = {
        "language": {*LANGUAGES, "other"},
        "number": {*NUMBERS, "other"},
        "outcome": {outcome.value for outcome in Outcome},
    }
    found: dict[str, set[str]] = {}
    for _, labels in samples(facts()):
        for label, text in labels:
            found.setdefault(label, set()).add(text)
    assert all(found[label] <= values for label, values in allowed.items())
    assert set(found) == {
        *allowed, "check", "class", "clips", "fatal", "le", "limit", "node", "process", "state", "status", "version",
    }  # fmt: skip


@pytest.mark.parametrize("calls", [0, 100_000])
def test_the_number_of_series_does_not_grow_with_the_calls(calls: int) -> None:
    ended: dict[str, Any] = figures()["ended"]
    ended["fr"]["abandoned"] = calls
    assert len(samples(facts(figures=figures(ended=ended)))) == len(samples(facts()))


# What is counted


def state(number: str, **fields: Any) -> CallState:
    return CallState(CALL + number, "flow", "queue", NUMBERS[0], "+33612345678", "fr", **fields)


def recorder() -> Recorder:
    return Recorder(MemoryJournal("node1"), FakeReferences(1))


def test_calls_are_counted_by_language_number_and_outcome_when_they_end() -> None:
    made = recorder()
    made.call_ended(state("1"), Outcome.ANSWERED, "caller")
    made.call_ended(state("2"), Outcome.ABANDONED, "caller")
    now = datetime.now(UTC)
    lost = Conclusion(now, None, now, None, now, ["queue"], Outcome.ABANDONED, None, Place.WAITING, "unknown")
    made.concluded(CALL + "3", None, lost)
    counts = made.counts
    assert counts.ended == {
        ("fr", Outcome.ANSWERED): 1,
        ("fr", Outcome.ABANDONED): 1,
        ("", Outcome.ABANDONED): 1,
    }
    assert counts.numbers[NUMBERS[0], Outcome.ANSWERED] == 1
    assert "+33612345678" not in str(vars(counts))


def test_the_lines_calls_to_itself_are_not_counted() -> None:
    made = recorder()
    made.test_call(CALL + "1")
    made.call_ended(state("1"), Outcome.LEFT_MENU, "service")
    assert not made.counts.ended and not made.counts.numbers


def test_a_wait_is_counted_when_the_first_operator_answers_and_not_again() -> None:
    counts = CallCounts()
    counts.answered(state("1", since=100.0, connected_at=125.0, first=True))
    counts.answered(state("1", since=100.0, connected_at=400.0, first=False))  # transferred
    counts.answered(state("2", connected_at=400.0, first=True))  # called by us: nobody waited on the line
    assert counts.answers["fr"].classes == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0] and counts.answers["fr"].seconds == 25


def test_offers_are_counted_by_their_final_state() -> None:
    made = recorder()
    made.offer_ended(CALL + "1", OfferState.NO_ANSWER)
    made.offer_ended(CALL + "2", OfferState.UNREACHABLE)
    assert made.counts.offers == {OfferState.NO_ANSWER: 1, OfferState.UNREACHABLE: 1}
