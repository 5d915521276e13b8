"""Prometheus metrics of the line, from facts. docs/monitoring.md lists them.

Every label takes its values from a list that is known beforehand: states, outcomes, the site's languages and numbers.
No caller's number, no operator's id and no call's id is one.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cli.monitoring.facts import Facts


def render(facts: Facts) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Line(facts))
    return generate_latest(registry)


class _Line(Collector):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self._facts
        yield InfoMetricFamily("hatif_build", "Hatif itself.", {"version": facts.version, "node": facts.node})
        yield _gauge("hatif_monitor_read_seconds", "How long it took to read all this.", facts.read_s)
        yield from _status(facts)
        yield from _processes(facts)
        yield from _journal(facts)
        yield from _voices(facts)
        yield from _message_texts(facts)
        yield from _guard(facts.counts.get("guard", {}))
        yield from _gate(facts.counts.get("gate", {}))
        yield from _desk(facts.counts.get("desk", {}))
        if facts.figures is not None:
            yield from _calls(facts.figures)
            yield from _operators(facts.figures)
            yield from _controller(facts.figures)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value)


def _counters(name: str, text: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _status(facts: Facts) -> Iterator[Metric]:
    line = facts.status
    yield _gauge("hatif_serves", "Whether a call is served, as `hatif status` says.", line.serves)
    text = "Whether no new calls are taken (`hatif drain`)."
    yield _gauge("hatif_drained", text, line.document.get("drained") is not None)
    checks = GaugeMetricFamily("hatif_check_ok", "The checks of `hatif status`.", labels=["check", "fatal"])
    for check in line.checks:
        checks.add_metric([check.name, "yes" if check.fatal else "no"], check.ok)
    yield checks
    if (prompts := line.document.get("prompts")) is not None:
        text = "Texts that the flow says and that have no audio."
        kinds = {kind: sum(prompts[kind].values()) for kind in ("menus", "others")}
        yield _gauges("hatif_prompts_missing", text, "class", kinds)
    probe = line.document.get("probe")
    if probe is not None and probe["answered_s"] is not None:
        text = "From dialling to the answer, of the line's last call to itself."
        yield _gauge("hatif_test_call_seconds", text, probe["answered_s"])
    if facts.disk_free is not None:
        yield _gauge("hatif_disk_free_bytes", "In HATIF_HOME.", facts.disk_free)


def _processes(facts: Facts) -> Iterator[Metric]:
    known = sorted(facts.processes.items())
    up = {name: process for name, process in known if process.up}
    yield _gauges("hatif_process_up", "Whether it runs.", "process", {name: process.up for name, process in known})
    yield _gauges(
        "hatif_process_start_time_seconds",
        "When it started.",
        "process",
        {name: process.started for name, process in up.items()},
    )
    yield _gauges(
        "hatif_process_resident_memory_bytes",
        "Memory that it holds.",
        "process",
        {name: process.memory for name, process in up.items()},
    )
    yield _counters(
        "hatif_process_cpu_seconds",
        "Processor time that it has used.",
        "process",
        {name: process.cpu_s for name, process in up.items()},
    )


def _journal(facts: Facts) -> Iterator[Metric]:
    journal = facts.status.journal
    yield _gauge("hatif_database_up", "Whether the database answers.", journal.lag is not None)
    if journal.lag is not None:
        yield _gauge("hatif_journal_records", "Records that are not in the database yet.", journal.lag.records)
        yield _gauge("hatif_journal_bytes", "The same, in bytes on the disk.", journal.lag.bytes)
        yield _gauge("hatif_journal_age_seconds", "Age of the oldest of them.", journal.lag.seconds)
    if journal.beat is not None:
        delivered = "Records that the journal process has written to the database."
        yield _counter("hatif_journal_delivered", delivered, journal.beat.delivered)
        rejected = "Records that the database refused; they are in journal/rejected."
        yield _counter("hatif_journal_rejected", rejected, journal.beat.rejected)


def _voices(facts: Facts) -> Iterator[Metric]:
    made = facts.status.voices
    if made is None:
        return
    clips = {"made": float(made.done), "all": float(made.of)}
    yield _gauges("hatif_voices_clips", "Of the language whose slow voice is being made.", "clips", clips)
    if made.left_s is not None:
        yield _gauge("hatif_voices_left_seconds", "Until that language has its voice.", made.left_s)
    yield _gauge("hatif_voices_refused", "Languages that keep their quick voice.", len(made.stays))


def _message_texts(facts: Facts) -> Iterator[Metric]:
    texts = facts.status.message_texts
    if texts is not None:
        counts = {"waiting": texts.waiting, "written": texts.written, "without": texts.without}
        yield _gauges("hatif_message_texts", "Voice messages, by what became of their text.", "state", counts)


def _guard(counts: Mapping[str, float]) -> Iterator[Metric]:
    for name, text in (
        ("channels_taken", "Channels that the guard took from an absent controller."),
        ("conversations_joined", "Callers on hold whom the guard joined with their operators."),
        ("controller_kills", "Controllers that did not answer and were ended."),
        ("asterisk_kills", "Asterisks that did not answer and were ended."),
        ("bans", "Addresses that were banned for wrong passwords."),
        ("half_open_ended", "Unconfirmed calls that were ended because they filled an address's limit."),
    ):
        yield _counter(f"hatif_guard_{name}", text, counts.get(name, 0))
    text = "For how long Asterisk has run without an answer to the guard."
    yield _gauge("hatif_asterisk_silent_seconds", text, counts.get("asterisk_silent_s", 0))


def _gate(counts: Mapping[str, float]) -> Iterator[Metric]:
    if counts:
        yield _gauge("hatif_gate_telephones", "Browser telephones that are connected.", counts.get("telephones", 0))
        refused = {key.removeprefix("refused_"): value for key, value in counts.items() if key.startswith("refused_")}
        yield _counters("hatif_gate_refused", "Requests that the gate refused, by status.", "status", refused)
        yield _gauge("hatif_gate_loop_age_seconds", "Since the gate last did something.", counts.get("loop_age_s", 0))


def _desk(counts: Mapping[str, float]) -> Iterator[Metric]:
    if counts:
        yield _gauge("hatif_desk_browsers", "Browsers that follow the line now.", counts.get("browsers", 0))
        text = "Since the controller last said that the picture of the line on all pages is right."
        yield _gauge("hatif_desk_picture_age_seconds", text, counts.get("picture_age_s", 0))
        text = "Since the figures of wallboards were last read, or nobody had one open."
        yield _gauge("hatif_desk_figures_age_seconds", text, counts.get("figures_age_s", 0))
        text = "Parts of the pages that could not be shown when they last changed."
        yield _gauge("hatif_desk_failing_parts", text, counts.get("failing_parts", 0))
        text = "People who searched or opened too much within an hour, and were paused."
        yield _gauge("hatif_desk_reading_alarms", text, counts.get("reading_alarms", 0))
        answers = {key.removeprefix("answers_"): value for key, value in counts.items() if key.startswith("answers_")}
        yield _counters("hatif_desk_answers", "Answers of the desk, by class of status.", "class", answers)


def _calls(figures: Mapping[str, Any]) -> Iterator[Metric]:
    yield _gauge("hatif_open", "Whether the site is open.", figures["open"])
    states = dict.fromkeys(("menu", "waiting", "talking", "hold"), 0.0) | figures["calls"]
    yield _gauges("hatif_calls", "Calls that are up, by state.", "state", states)
    yield _gauges("hatif_calls_by_language", "The same, by language.", "language", figures["calls_by_language"])
    for name, label, counted in (
        ("hatif_calls_ended", "language", figures["ended"]),
        ("hatif_number_calls_ended", "number", figures["numbers"]),
    ):
        ended = CounterMetricFamily(name, f"Calls that have ended, by {label} and outcome.", labels=[label, "outcome"])
        for key, outcomes in counted.items():
            for outcome, count in outcomes.items():
                ended.add_metric([key, outcome], count)
        yield ended
    waiting: dict[str, Any] = figures["waiting"]
    yield _gauges(
        "hatif_waiting",
        "Callers who wait for an operator.",
        "language",
        {language: entry["callers"] for language, entry in waiting.items()},
    )
    yield _gauges(
        "hatif_waiting_longest_seconds",
        "How long the first of them has waited.",
        "language",
        {language: entry["longest_s"] for language, entry in waiting.items()},
    )
    answers = HistogramMetricFamily(
        "hatif_answer_seconds", "How long callers waited until an operator answered.", labels=["language"]
    )
    for language, times in figures["answers"].items():
        limits = [*(str(float(limit)) for limit in figures["answer_s"]), "+Inf"]
        answers.add_metric([language], list(zip(limits, accumulate(times["classes"]), strict=True)), times["seconds"])
    yield answers


def _operators(figures: Mapping[str, Any]) -> Iterator[Metric]:
    yield _gauges("hatif_operators", "Operators, by state.", "state", figures["operators"])
    yield _gauges("hatif_operators_ready", "Those who can take a call now.", "language", figures["ready"])
    yield _counters("hatif_offers", "Offers to operators that have ended, by state.", "state", figures["offers"])
    text = "Packets that operators' telephones refused."
    yield _counter("hatif_telephone_refusals", text, figures["telephone_refusals"])


def _controller(figures: Mapping[str, Any]) -> Iterator[Metric]:
    yield _gauge("hatif_ari_connected", "Whether the controller is connected to Asterisk's ARI.", figures["ari"])
    yield _gauge("hatif_ami_connected", "Whether it is connected to Asterisk's manager.", figures["ami"])
    text = "Records in the controller's memory that are not on the disk yet."
    yield _gauge("hatif_journal_memory_records", text, figures["journal_waiting"])
    text = "Records that were lost because the disk refused them for too long."
    yield _counter("hatif_journal_lost", text, figures["journal_dropped"])
    text = "How often a limit on callers was reached: docs/limits.md."
    yield _counters("hatif_limits_reached", text, "limit", figures.get("limits", {}))
    if figures["refused"] is not None:
        text = "Calls that a limit refused, since Asterisk began."
        yield _counters("hatif_calls_refused", text, "limit", figures["refused"])
