"""`hatif report` where nothing else runs: what it counts, in which forms it answers, and what it refuses."""

import csv
import re
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from report_shell import ON_THE_DAY, ReportShell, answered, at, left

from db.ids import uuid7
from db.tables import Offer, Operator, OperatorStateRecord, Pairing
from ivr.model import clock


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    ReportShell(made).make_database()
    return made


@pytest.fixture
def shell(home: Path) -> ReportShell:
    made = ReportShell(home)
    for table in ("call", "operator_state", "operator", "pairing", "offer"):
        made.database(f"DELETE FROM {table}")
    return made


def test_the_published_example_has_its_published_service_levels(shell: ReportShell) -> None:
    shell.calls(
        *(answered(at(number), 20 if number < 860 else 21) for number in range(1000)),
        *(left(at(number), 5 if number < 10 else 20 if number < 20 else 60) for number in range(60)),
    )
    total = shell.document(*ON_THE_DAY)["total"]
    assert (total["answered"], total["abandoned"], total["offered"]) == (1000, 60, 1060)
    assert (total["answered_within"], total["abandoned_within"], total["abandoned_short"]) == (860, 20, 10)
    names = ("service_level_offered", "service_level_without_short", "service_level_by_target")
    assert [round(100 * total[name], 1) for name in names] == [81.1, 81.9, 82.7]
    output = shell.report(*ON_THE_DAY).stdout
    assert all(re.search(rf"2026-11-25 .*{percent}%", output) for percent in ("81.1", "81.9", "82.7"))


def test_a_call_of_each_outcome_has_its_column(shell: ReportShell) -> None:
    shell.calls(
        answered(at(0), 10), left(at(1), 30), left(at(2), 30, "callback"), left(at(3), 30, "message"),
        left(at(4), 30, "closed"), left(at(5), 30, "self_served"), {"queued": at(6)},
    )  # fmt: skip
    found = shell.document(*ON_THE_DAY)
    (row,) = found["rows"]
    names = ("waited", "offered", "answered", "abandoned", "callback", "message", "closed", "self_served")
    assert [row[name] for name in names] == [6, 2, 1, 1, 1, 1, 1, 1]
    assert row["still_waiting"] == 1
    assert {name: value for name, value in row.items() if name != "day"} == found["total"]
    output = shell.report(*ON_THE_DAY).stdout
    assert "Still waiting, and not in any other figure: 1." in output
    assert re.search(r"2026-11-25 +6 +1 +1 +1 +1 +2 +1 +1 ", output)


def menu(started: datetime, outcome: str | None, **columns: Any) -> dict[str, Any]:
    return {"started": started, "queued": None, "outcome": outcome, **columns}


def test_every_call_is_counted_once_whether_it_waited_or_not(shell: ReportShell) -> None:
    shell.calls(
        answered(at(0), 10, topic="file"), left(at(1), 30, topic="file"), {"queued": at(2)},
        menu(at(3), "left_menu"), menu(at(3), "left_menu"), menu(at(3), "self_served"), menu(at(3), "closed"),
        menu(at(3), "message"), menu(at(3), "callback"),
        menu(at(4), "fallback"), menu(at(5), None), menu(at(6), "answered", outgoing=True), menu(at(90000), "closed"),
        menu(at(7), "left_menu", topic="travel"), menu(at(8), "closed", live=False),
    )  # fmt: skip
    (row,) = shell.document(*ON_THE_DAY)["rows"]
    parts = [f"ivr_{outcome}" for outcome in ("left_menu", "self_served", "closed", "message", "callback", "other")]
    parts += ["ivr_going_on", "waited", "still_waiting"]
    assert [row[name] for name in parts] == [3, 1, 1, 1, 1, 1, 1, 2, 1]
    assert row["calls"] == sum(row[name] for name in parts)
    assert row["outgoing"] == 1
    by_topic = shell.document(*ON_THE_DAY, "--by", "topic")["rows"]
    assert {row["topic"]: row["calls"] for row in by_topic} == {"file": 2, "travel": 1, None: 9}
    output = shell.report(*ON_THE_DAY).stdout
    assert re.search(r"2026-11-25 +12 +3 +1 +1 +1 +1 +1 +1 +3 +1\n", output)
    assert "Test calls left out" not in output  # the line calls itself each minute: that is nothing to tell
    assert shell.document(*ON_THE_DAY, "--tests")["total"]["ivr_closed"] == 2


def test_by_day_and_language_together(shell: ReportShell) -> None:
    shell.calls(
        answered(at(0), 10, language="fr"), answered(at(1), 10, language="fr"), menu(at(2), "closed", language="ar"),
        left(at(90000), 10, language="ar"),
    )  # fmt: skip
    found = shell.document("--from", "2026-11-25", "--to", "2026-11-26", "--by", "day,language")
    rows = [(row["day"], row["language"], row["calls"], row["answered"]) for row in found["rows"]]
    assert rows == [("2026-11-25", "ar", 1, 0), ("2026-11-25", "fr", 2, 2), ("2026-11-26", "ar", 1, 0)]
    assert (found["by"], found["total"]["calls"]) == ("day,language", 4)
    output = shell.report("--from", "2026-11-25", "--to", "2026-11-26", "--by", "language,day").stdout
    assert re.search(r"ar +2026-11-25 +1 .*\nar +2026-11-26 +1 .*\nfr +2026-11-25 +2 .*\nall +4 ", output)


def test_by_operator_and_day_each_row_has_its_own_times(shell: ReportShell) -> None:
    served(shell, -30, (-60, "ready"), (-10, "talking"), (90, "wrapping_up"), (110, "ready"), (200, "away"))
    found = shell.document("--from", "2026-11-24", "--to", "2026-11-25", "--by", "operator,day")
    rows = [(row["operator"], row["day"], row["answered"], row["talking_s"]) for row in found["rows"]]
    assert rows == [("1001", "2026-11-24", 1, 10), ("1001", "2026-11-25", 0, 90)]


def test_a_sheet_is_written_as_a_program_wants_it(shell: ReportShell) -> None:
    shell.calls(answered(at(0), 10, topic="=1+1"))
    sheet = shell.report(*ON_THE_DAY, "--by", "topic", "--csv", "--separator", ";", "--bom").stdout
    assert sheet.startswith("\ufeff")
    (row,) = csv.DictReader(StringIO(sheet.removeprefix("\ufeff")), delimiter=";")
    assert (row["topic"], row["calls"]) == ("'=1+1", "1")


def test_a_day_is_one_of_the_sites_zone(shell: ReportShell) -> None:
    summer = datetime(2026, 7, 10, 23, 30, tzinfo=UTC)  # half past midnight of the 11th in Casablanca
    shell.calls(answered(summer, 5))
    assert shell.document("--from", "2026-07-10", "--to", "2026-07-10")["rows"] == []
    found = shell.document("--from", "2026-07-11", "--to", "2026-07-11", "--by", "half-hour")
    assert [row["half_hour"] for row in found["rows"]] == ["2026-07-11 00:30"]
    assert found["timezone"] == "Africa/Casablanca"


def test_without_days_it_is_today_and_the_six_before(shell: ReportShell) -> None:
    now = clock.now()
    shell.calls(answered(now - timedelta(seconds=60), 5), left(now - timedelta(days=7, seconds=60), 5))
    found = shell.document()
    assert found["total"]["waited"] == 1
    first, last = (datetime.fromisoformat(found[name]) for name in ("from", "to"))
    assert last - first == timedelta(days=6)
    assert last.date() in {now.date(), clock.now().date()}
    assert shell.document("--to", f"{first:%Y-%m-%d}")["to"] == found["from"]


def test_by_language_country_and_topic(shell: ReportShell) -> None:
    shell.calls(
        answered(at(0), 10, language="fr", country="BE", topic="file"),
        left(at(1), 10, language="fr", country="FR"),
        left(at(2), 10, language="ar", country="FR", topic="file"),
    )

    def waited(by: str) -> dict[str | None, int]:
        return {row[by]: row["waited"] for row in shell.document(*ON_THE_DAY, "--by", by)["rows"]}

    assert waited("language") == {"fr": 2, "ar": 1}
    assert waited("country") == {"FR": 2, "BE": 1}
    assert waited("topic") == {"file": 2, None: 1}


def served(shell: ReportShell, queued: float, *states: tuple[float, str]) -> None:
    """Store a call that operator 1001 answered after 20 s and ended after 100 s, and the operator's states."""
    call, began = uuid7(), at(queued + 20)
    key = {"node": "node1", "boot": uuid7(), "operator_id": "1001"}
    shell.calls(answered(at(queued), 20, id=call, operator_id="1001"))
    over = began + timedelta(seconds=100)
    shell.put(
        Pairing,
        {"id": uuid7(), "node": "node1", "call_id": call, "operator_id": "1001", "began": began, "ended": over},
    )
    shell.put(
        OperatorStateRecord,
        *(
            {**key, "seq": seq, "at": at(seconds), "state": state, "call_id": call if state == "talking" else None}
            for seq, (seconds, state) in enumerate(states)
        ),
    )


def test_by_operator_the_report_shows_what_each_did_and_how_busy_they_were(shell: ReportShell) -> None:
    shell.put(Operator, {"id": "1001", "name": "Amina"})
    served(
        shell, 590,
        (0, "ready"), (600, "offered"), (610, "talking"), (710, "wrapping_up"), (730, "paused"), (1000, "away"),
    )  # fmt: skip
    shell.calls(left(at(3), 30))
    amina, nobody = shell.document(*ON_THE_DAY, "--by", "operator")["rows"]
    assert (amina["operator"], amina["name"], amina["answered"]) == ("1001", "Amina", 1)
    assert (amina["handling_s"], amina["occupancy"], amina["logged_in_s"]) == (120, round(120 / 720, 6), 1000)
    assert (nobody["operator"], nobody["abandoned"]) == (None, 1)
    output = shell.report(*ON_THE_DAY, "--by", "operator").stdout
    assert re.search(r"1001 +1 +120\.0 +16\.7% +0:02 +0:00 +0:10 +0:04 +0:17 +Amina", output)
    by_hour = shell.document(*ON_THE_DAY, "--by", "hour")
    assert by_hour["rows"][0]["occupancy"] == by_hour["total"]["occupancy"] == round(120 / 720, 6)


def test_the_operator_who_finishes_a_transferred_call_is_credited_and_offers_and_pauses_are_counted_by_kind(
    shell: ReportShell,
) -> None:
    """1001 answers, asks 1003 and hands the caller on to 1002, who finishes; 1003 refuses one call and misses two."""
    call, tested = uuid7(), uuid7()
    shell.put(Operator, *({"id": operator, "name": operator} for operator in ("1001", "1002", "1003")))
    shell.calls(
        answered(at(0), 20, id=call, operator_id="1001") | {"ended": at(420)},
        answered(at(0), 20, id=tested, operator_id="1003", live=False),
    )
    talks: list[tuple[str, int, int, str, str]] = [
        ("1001", 20, 120, "operator", "transfer"), ("1003", 60, 80, "consulted", "operator"),
        ("1002", 140, 420, "operator", "caller"),
    ]  # fmt: skip
    offers = [("1003", "refused"), ("1003", "no_answer"), ("1003", "no_answer"), ("1001", "accepted")]
    shell.put(
        Pairing,
        *(
            {"id": uuid7(), "node": "n", "call_id": call, "operator_id": operator, "began": at(began),
             "ended": at(ended), "role": role, "reason": reason}
            for operator, began, ended, role, reason in talks
        ),
    )  # fmt: skip
    shell.put(
        Offer,
        *({"id": uuid7(), "node": "n", "call_id": call, "operator_id": operator, "state": state, "offered": at(5)}
          for operator, state in offers),
        {"id": uuid7(), "node": "n", "call_id": tested, "operator_id": "1003", "state": "refused", "offered": at(5)},
    )  # fmt: skip
    key = {"node": "n", "boot": uuid7()}
    shell.put(
        OperatorStateRecord,
        *({**key, "seq": seq, "at": at(seconds), "operator_id": operator, "state": state, "reason": reason,
           "call_id": call if state == "talking" else None}
          for seq, (seconds, operator, state, reason) in enumerate([
              (140, "1002", "talking", None), (420, "1002", "wrapping_up", None), (440, "1002", "paused", "lunch"),
              (1340, "1002", "paused", "prayer"), (1400, "1002", "away", None)])),
    )  # fmt: skip
    first, second, third = shell.document(*ON_THE_DAY, "--by", "operator")["rows"]
    names = ("answered", "conversations", "taken_over", "transferred", "consulted", "finished", "handling_s")
    assert [first[name] for name in names] == [1, 1, 0, 1, 0, 0, 100]
    assert [second[name] for name in names] == [0, 1, 1, 0, 0, 1, 300]  # with the work after it
    assert [third[name] for name in names] == [0, 0, 0, 0, 1, 0, None]
    assert [third[name] for name in ("calls_offered", "refused", "missed", "unreachable")] == [3, 1, 2, 0]
    assert second["pauses_s"] == {"lunch": 900, "prayer": 60}
    tests = shell.document(*ON_THE_DAY, "--by", "operator", "--tests")["rows"][2]
    assert (tests["calls_offered"], tests["refused"]) == (4, 2)
    rows = list(csv.DictReader(StringIO(shell.report(*ON_THE_DAY, "--by", "operator", "--csv").stdout)))
    assert [row["paused_lunch_s"] for row in rows] == ["0.0", "900.0", "0.0"]
    assert "pauses_s" not in rows[0]
    output = shell.report(*ON_THE_DAY, "--by", "operator").stdout
    assert re.search(r"1002 +0 +0 +0 +0 +1 +1 +0 +0 +1 +lunch 0:15, prayer 0:01", output)
    assert re.search(r"1003 +3 +1 +2 +0 +0 +0 +0 +1 +0 +-", output)


def test_a_wrap_up_after_midnight_belongs_to_its_call_and_the_work_to_its_day(shell: ReportShell) -> None:
    served(shell, -30, (-60, "ready"), (-10, "talking"), (90, "wrapping_up"), (110, "ready"), (200, "away"))
    before = shell.document("--from", "2026-11-24", "--to", "2026-11-24")["total"]
    assert (before["handling_s"], before["talking_s"], before["wrapping_up_s"]) == (120, 10, 0)
    after = shell.document(*ON_THE_DAY)["total"]
    assert (after["handling_s"], after["talking_s"], after["wrapping_up_s"]) == (None, 90, 20)


def test_test_calls_are_named_and_left_out_unless_they_are_asked_for(shell: ReportShell) -> None:
    shell.calls(answered(at(0), 10, live=False))
    output = shell.report(*ON_THE_DAY).stdout
    assert "--tests, which includes the test calls of these days (1)." in output
    assert shell.document(*ON_THE_DAY, "--tests")["total"]["waited"] == 1
    shell.calls(answered(at(1), 10))
    assert "Test calls left out: 1; --tests includes them." in shell.report(*ON_THE_DAY).stdout
    assert shell.document(*ON_THE_DAY)["total"]["waited"] == 1


def test_the_limits_of_the_service_level_can_be_chosen(shell: ReportShell) -> None:
    shell.calls(answered(at(0), 25), left(at(1), 8))
    found = shell.document(*ON_THE_DAY, "--within", "30", "--short", "10")
    assert (found["within_s"], found["short_s"]) == (30, 10)
    assert found["total"]["service_level_offered"] == 0.5
    assert found["total"]["service_level_without_short"] == 1


def test_the_comma_separated_lines_are_the_rows_of_the_document(shell: ReportShell) -> None:
    shell.calls(answered(at(0), 10), left(at(3600), 10), left(at(7200), 10, "callback"))
    rows = shell.document(*ON_THE_DAY, "--by", "hour")["rows"]
    lines = list(csv.DictReader(StringIO(shell.report(*ON_THE_DAY, "--by", "hour", "--csv").stdout)))
    assert len(lines) == 3
    assert lines == [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


def test_an_empty_database_says_so_and_documents_have_no_rows(shell: ReportShell) -> None:
    assert shell.report().stdout.strip() == "The database has no calls yet: nothing to report."
    found = shell.document()
    assert found["rows"] == []
    assert (found["total"]["waited"], found["total"]["service_level_offered"]) == (0, None)
    (header,) = csv.reader(StringIO(shell.report("--csv").stdout))
    assert header[:3] == ["day", "calls", "ivr_left_menu"]
    assert "No call waited" in _picture(shell)


def test_days_without_a_call_are_named(shell: ReportShell) -> None:
    shell.calls(answered(at(0), 10))
    output = shell.report("--from", "2026-11-01", "--to", "2026-11-02").stdout
    assert output.startswith("No calls arrived, 2026-11-01 to 2026-11-02")


def test_the_picture_shows_each_hour_with_its_calls_and_its_service_level(shell: ReportShell) -> None:
    shell.calls(
        *(answered(at(8 * 3600 + number), 10) for number in range(3)),
        answered(at(9 * 3600), 50),
        *(left(at(9 * 3600 + number), 50) for number in range(6)),
        left(at(11 * 3600), 50, "callback"),
    )
    words = [
        element.text for element in ElementTree.fromstring(_picture(shell)).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert [word for word in words if word in ("08", "09", "10", "11")] == ["08", "09", "10", "11"]
    assert {"100", "0", "3", "7", "1"} <= set(words)  # levels of 8 and 9, calls of 8, 9 and 11
    assert any("11 calls waited for an operator · 30.0% of those offered" in (word or "") for word in words)


def _picture(shell: ReportShell) -> str:
    path = shell.home / "report.svg"
    path.unlink(missing_ok=True)
    assert "report.svg: calls by the hour of the day." in shell.report(*ON_THE_DAY, "--picture", str(path)).stdout
    return path.read_text(encoding="utf-8")


def test_a_picture_does_not_disturb_a_document(shell: ReportShell) -> None:
    path = shell.home / "beside.svg"
    shell.document(*ON_THE_DAY, "--picture", str(path))
    assert path.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--by", "weather"), "There is no report by 'weather'; it is one of day, hour, half-hour, "),
        (("--from", "25.11.2026"), "--from '25.11.2026' is not a day; write it as 2027-01-15."),
        (("--to", "2026-02-30"), "--to '2026-02-30' is not a day; write it as 2027-01-15."),
        (("--to", "9999-12-31"), "--to 9999-12-31 is too far away; write a day from 2000 to 2098."),
        (
            ("--from", "2026-11-25", "--to", "2026-11-24"),
            "2026-11-24 is before 2026-11-25; the first day is the earlier one.",
        ),
        (("--from", "2098-01-01"), "is before 2098-01-01; the first day is the earlier one."),
        (("--csv", "--json"), "use one of them"),
        (
            ("--by", "day,hour"),
            "day,hour does not fit one table; it is one grouping, or two such as ",
        ),
        (("--by", "day,topic,language"), "does not fit one table"),
        (("--within", "nan"), "nan is not a wait"),
        (("--period", "last-week", "--to", "2026-11-24"), "--period is instead of --from and --to"),
        (("--language", "nl"), "--language 'nl' is not a language of reports; write one of fr, ar, en."),
    ],
)
def test_an_impossible_report_is_refused_in_a_sentence_with_the_remedy(
    shell: ReportShell, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in shell.refused(*arguments)


def test_a_picture_that_cannot_be_written_is_named(shell: ReportShell) -> None:
    answer = shell.run("report", "--json", "--picture", f"{shell.home}/none/report.svg")
    assert answer.returncode == 1
    assert "none/report.svg: No such file or directory; name another file with --picture." in answer.stderr


def test_without_a_database_it_says_what_to_run(tmp_path: Path) -> None:
    assert "hatif db upgrade" in ReportShell(tmp_path).refused()


def test_workbook_and_pdf_are_written_beside_the_tables_in_the_language_that_is_asked_for(shell: ReportShell) -> None:
    shell.put(Operator, {"id": "1001", "name": "Amina"})
    shell.calls(answered(at(0), 10, topic="documents", language="fr", operator_id="1001"))
    for by in ("topic", "operator"):
        book, paper = shell.home / f"{by}.xlsx", shell.home / f"{by}.pdf"
        files = ("--xlsx", str(book), "--pdf", str(paper), "--language", "fr")
        output = shell.report(*ON_THE_DAY, "--by", by, *files).stdout
        assert f"{by}.xlsx: the report." in output and f"{by}.pdf: the report." in output
        head, row = load_workbook(book).worksheets[0].iter_rows(values_only=True)
        expected = ("Sujet", "Papiers") if by == "topic" else ("Opérateur", "Amina (1001)")
        assert (head[0], row[0]) == expected
        text = PdfReader(paper).pages[0].extract_text()
        assert "mer. 25 nov. 2026" in text and "consulate" in text


def test_a_file_that_cannot_be_written_is_named(shell: ReportShell) -> None:
    answer = shell.run("report", "--json", "--pdf", f"{shell.home}/none/report.pdf")
    assert answer.returncode == 1
    assert "none/report.pdf: No such file or directory; name another file with --pdf." in answer.stderr


def test_a_period_has_a_name(shell: ReportShell) -> None:
    found = shell.document("--period", "last-month")
    first, last = (date.fromisoformat(found[name]) for name in ("from", "to"))
    assert first.day == 1 and (last + timedelta(days=1)).day == 1 and first.month == last.month
