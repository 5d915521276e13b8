"""`hatif simulate`: the same figures in every form, the site's own defaults, and a sentence for impossible input."""

import asyncio
import csv
import json
import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from shell import Shell
from typer.testing import CliRunner

from cli.simulate import simulate as simulate_command
from cli.simulate.simulation_input import Day, day
from db.delivery import deliver_all
from db.ids import call_id, uuid7
from db.journal import Journal
from ivr.site import site

LANGUAGES = ["ar", "fr", "es", "it", "nl", "de", "en"]
SMALL = ("--operators", "14", "--languages-each", "2", "--hours", "2")
DAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def simulated(shell: Shell, *arguments: str) -> Any:
    """Return the command's document. What depends on its arguments only is simulated once, for all tests."""
    from_files = {"--from-history", "--roster", "--picture"} & set(arguments)
    return json.loads(simulate(shell, arguments) if from_files else simulate_once(arguments))


def simulate(shell: Shell, arguments: tuple[str, ...]) -> str:
    answer = shell.run("simulate", *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@cache
def simulate_once(arguments: tuple[str, ...]) -> str:
    with TemporaryDirectory() as home:
        return simulate(Shell(Path(home)), arguments)


def test_without_options_it_is_a_day_of_the_site_with_its_operators_hours_and_wrap_up(shell: Shell) -> None:
    found = simulated(shell)
    assert found["operators"] == 43
    assert [row["hour"] for row in found["by_hour"]] == [f"{hour:02d}:00" for hour in range(8, 20)]
    assert found["wrap_up_s"] == 20
    assert list(found["languages"]) == list(found["mix"]) == LANGUAGES
    assert found["mix"]["ar"] == pytest.approx(15 / 43)
    assert found["calls"] == found["all"]["waited"] == sum(row["waited"] for row in found["languages"].values())
    assert found["all"]["handling_s"] == pytest.approx(300, rel=0.05)


def test_the_same_seed_gives_the_same_document_and_another_one_other_calls(shell: Shell) -> None:
    assert simulated(shell, *SMALL) == json.loads(simulate(shell, SMALL))
    assert simulated(shell, *SMALL)["all"] != simulated(shell, *SMALL, "--seed", "2")["all"]


def test_policies_are_compared_on_the_same_calls(shell: Shell) -> None:
    busy = (*SMALL, "--calls-per-hour", "155")
    ours, plain = (simulated(shell, *busy, "--policy", policy) for policy in ("site", "plain"))
    assert ours["calls"] == plain["calls"]
    assert ours["all"]["handling_s"] == pytest.approx(plain["all"]["handling_s"])
    assert ours["passed_share"] > plain["passed_share"] == 0


def test_lines_and_document_say_the_same(shell: Shell) -> None:
    document = simulated(shell, *SMALL)
    lines = list(csv.DictReader(StringIO(shell.run("simulate", *SMALL, "--csv").stdout)))
    assert len(lines) == 2 * len(LANGUAGES)
    for line, cell in zip(lines, document["by_hour_and_language"], strict=True):
        assert (line["hour"], line["language"]) == (cell["hour"], cell["language"])
        assert (int(line["waited"]), int(line["answered"])) == (cell["waited"], cell["answered"])
        assert line["occupancy"] == str(round(cell["occupancy"], 4))


def test_the_table_says_what_matters_to_a_person(shell: Shell) -> None:
    document, output = simulated(shell, *SMALL), shell.run("simulate", *SMALL).stdout
    assert f"Within 20 s: {document['all']['service_level_offered'] * 100:.1f}" in output
    assert f"served worst: {document['worst_language']['language']}" in output
    assert "09:00" in output and "10:00" not in output


def test_the_picture_has_a_field_with_its_figure_for_each_hour_and_language(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "levels.svg"
    document = simulated(shell, *SMALL, "--picture", str(file))
    words = [
        element.text for element in ElementTree.fromstring(file.read_text()).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"all", *LANGUAGES, "08", "09", "day"} <= set(words)
    for cell in document["by_hour_and_language"]:
        level = cell["service_level_offered"]
        assert ("–" if level is None else f"{level * 100:.0f}") in words
    refused = shell.run("simulate", *SMALL, "--picture", str(tmp_path / "nowhere" / "levels.svg"))
    assert refused.returncode == 1 and "name another file" in refused.stderr


def test_each_hour_may_have_its_own_calls_and_the_mix_its_own_shares(shell: Shell) -> None:
    found = simulated(shell, "--operators", "10", "--hours", "3", "--calls-per-hour", "0,60,0", "--mix", "ar=2, nl=1")
    assert [row["waited"] > 0 for row in found["by_hour"]] == [False, True, False]
    assert {language for language, figures in found["languages"].items() if figures["waited"]} == {"ar", "nl"}


def test_callers_who_give_up_are_counted_and_days_are_added_up(shell: Shell) -> None:
    busy = (*SMALL, "--calls-per-hour", "200", "--patience", "60")
    one, three = simulated(shell, *busy), simulated(shell, *busy, "--days", "3")
    assert one["all"]["abandoned"] > 0
    assert one["service_level_error"] is None and three["service_level_error"] > 0
    assert three["calls"] > 2 * one["calls"]


def test_many_days_on_all_cores_give_the_same_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HATIF_HOME", str(tmp_path))
    app = typer.Typer()
    simulate_command.register(app)
    found = []
    for many in (3, 4):
        monkeypatch.setattr(simulate_command, "_MANY_DAYS", many)
        answer = CliRunner().invoke(app, [*SMALL, "--calls-per-hour", "200", "--days", "3", "--json"])
        found.append(json.loads(answer.stdout))
    assert found[0] == found[1]
    assert found[0]["calls"] > 900


def test_the_roster_says_when_each_operator_is_on_duty(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "roster.csv"
    file.write_text("operator,from,to\n1001,08:00,09:00\n1001,09:00,09:30\n1002,07:00,24:00\n")
    found = simulated(shell, *SMALL, "--calls-per-hour", "80", "--roster", str(file), "--patience", "30")
    assert found["all"]["abandoned"] > found["all"]["answered"] > 0
    for text, sentence in (
        ("who,from,to\n", ":1: the columns are wrong"),
        ("operator,from,to\n1,08:00,09:00\n", ":2: there is no operator '1'"),
        ("operator,from,to\n1001,8,09:00\n", ":2: '8' is not a time"),
        ("operator,from,to\n1001,09:00,08:00\n", ":2: 09:00 is not before 08:00"),
        ("operator,from,to\n1001,08:00,10:00\n1001,09:00,11:00\n", ":3: 1001 is already on duty"),
        ("operator,from,to\n1001,08:00\n", ":2: 2 cells"),
    ):
        file.write_text(text)
        refused = shell.run("simulate", *SMALL, "--roster", str(file))
        assert refused.returncode == 1 and f"{file}{sentence}" in refused.stderr


def test_one_operator_more_or_a_taught_language_serves_the_same_calls_better(shell: Shell) -> None:
    usual = simulated(shell, *SMALL, "--calls-per-hour", "160")
    more = simulated(shell, *SMALL, "--calls-per-hour", "160", "--more", "fr:5,ar:5", "--more", "ar:5")
    taught = simulated(shell, *SMALL, "--calls-per-hour", "160", "--teach", "1001=it:5,nl:5")
    assert (usual["operators"], more["operators"], taught["operators"]) == (14, 16, 14)
    assert usual["calls"] == more["calls"] == taught["calls"]
    level = "service_level_offered"
    assert more["languages"]["ar"][level] > usual["languages"]["ar"][level]
    assert taught["all"] != usual["all"]
    assert more["more"] == ["fr:5,ar:5", "ar:5"] and "more" not in usual


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--operators", "3"), "use 7 operators or more"),
        (("--languages-each", "8"), "use 1 to 7"),
        (("--more", "xx:5"), "--more: 'xx' is not a language of this site; it has ar, fr,"),
        (("--more", "fr"), "--more: 'fr' has no level; write a language with a level from 1 to 5: fr:5."),
        (("--teach", "9999=es:3"), "--teach 9999=es:3: there is no operator '9999'"),
        (("--teach", "1002=es:6"), "--teach: 'es:6' has no level"),
        (("--mix", "xx=1"), "'xx' is not a language of this site; it has ar, fr"),
        (("--mix", "ar=much"), "'much' is not a number"),
        (("--mix", "ar=0"), "write it as ar=34"),
        (("--calls-per-hour", "1,2"), "write one, or one for each hour"),
        (("--calls-per-hour", "-1"), "'-1' is not a number; write one from 0 up"),
        (("--handling", "20"), "make --wrap-up shorter"),
        (("--json", "--csv"), "use one of them"),
        (("--to", "2026-11-16"), "add --from-history"),
        (("--advise", "--csv"), "leave out --csv and --picture"),
        (("--from-history", "--days", "3", "--hours", "2"), "leave out --hours and --days"),
        (("--planned", "0001-01-01"), "write a day from 2000 to 2098"),
        (("--planned", "9999-12-31"), "write a day from 2000 to 2098"),
        (("--from-history", "--from", "yesterday"), "write it as 2027-01-15"),
        (("--from-history", "--from", "2026-11-16", "--to", "2026-11-15"), "write the earlier day with --from"),
    ],
)  # fmt: skip
def test_an_impossible_simulation_is_refused_in_one_sentence(
    shell: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = shell.run("simulate", *arguments)
    assert refused.returncode == 1
    assert refused.stderr.startswith("hatif: ") and sentence in refused.stderr
    assert refused.stdout == ""


def test_advice_names_an_operator_a_language_they_lack_and_its_gain(shell: Shell) -> None:
    few = ("--operators", "8", "--languages-each", "1", "--hours", "1", "--mix", "ar=3 fr=1", "--days", "1")
    found = simulated(shell, *few, "--calls-per-hour", "70", "--advise", "--teach-level", "4")
    best = found["advice"][0]
    assert best["language"] not in best["speaks"]
    assert best["overall"] + best["worst"] > 0
    output = shell.run("simulate", *few, "--calls-per-hour", "70", "--advise", "--teach-level", "4").stdout
    assert best["operator"] in output and f"{best['language']}:4" in output


def remembered(shell: Shell, days: int, calls: int) -> None:
    """Store calls for each day, a minute apart from 9:00 UTC on (10:00 in Rabat until 2026-09-20, 9:00 since)."""
    shell.make_database()
    journal = Journal(shell.home / "journal", "node1")
    for number in range(days * calls):
        queued = DAY + timedelta(days=number // calls, minutes=number % calls)
        made = call_id("node1", f"1.{number}", int(queued.timestamp() * 1000))
        answered = number % 5 != 4
        connected = queued + timedelta(seconds=10) if answered else None
        ended = queued + timedelta(seconds=190 if answered else 45)
        journal.put(
            "call", id=made, language=LANGUAGES[number % 2], started=queued, queued=queued, connected=connected,
            ended=ended, outcome="answered" if answered else "abandoned", operator_id="1001" if answered else None,
        )  # fmt: skip
        if answered:
            journal.put("pairing", id=uuid7(), call_id=made, operator_id="1001", began=connected, ended=ended)
    journal.put("shift", operator_id="1001", begins=DAY, ends=DAY + timedelta(hours=3))
    journal.close()
    asyncio.run(deliver_all(shell.home / "journal", f"sqlite:///{shell.home / 'hatif.db'}"))


def test_recorded_calls_are_simulated_again_at_their_times_and_in_their_languages(shell: Shell) -> None:
    remembered(shell, days=3, calls=70)
    found = simulated(shell, "--from-history", "--from", "2026-11-16", "--to", "2026-11-18")
    assert (found["calls"], found["days"]) == (210, 3)
    assert [row["hour"] for row in found["by_hour"]] == ["09:00", "10:00"]
    assert [row["waited"] for row in found["by_hour"]] == [180, 30]
    assert found["languages"]["ar"]["waited"] == found["languages"]["fr"]["waited"] == 105
    assert found["all"]["handling_s"] == 180 + 20
    assert found["operators_no_longer_listed"] == []
    assert "1001" not in found["operators_without_past_calls"] and "1002" in found["operators_without_past_calls"]
    assert found["patience_s"] == pytest.approx((168 * 10 + 42 * 45) / 42, abs=0.1)
    alone = simulated(shell, "--from-history", "--from", "2026-11-16", "--to", "2026-11-16")
    assert alone["all"]["abandoned"] > 0.5 * alone["calls"], "by the plan 1001 is the only one there on the first day"
    assert found["all"]["abandoned"] == alone["all"]["abandoned"], "without a plan everybody is there"


def test_a_history_says_that_its_operators_are_not_those_of_today(shell: Shell) -> None:
    remembered(shell, days=1, calls=10)
    shell.database("UPDATE pairing SET operator_id = '9001'")
    past = ("--from-history", "--from", "2026-11-16", "--to", "2026-11-16")
    told = " ".join(shell.run("simulate", *past).stdout.split())
    assert "9001 talked with these callers and is not in operators.csv any more" in told
    assert re.search(r"1001, 1002, .* and \d+ more are in operators.csv and had none of these calls", told)
    assert "operators_no_longer_listed" not in simulated(shell, *past, "--operators", "10")


def test_a_history_without_calls_says_so(shell: Shell) -> None:
    shell.make_database()
    refused = shell.run("simulate", "--from-history", "--from", "2026-11-16", "--to", "2026-11-18")
    assert refused.returncode == 1
    assert "no calls that waited for an operator from 2026-11-16 to 2026-11-18" in refused.stderr


def test_a_planned_day_has_the_hours_that_the_site_gives_that_day() -> None:
    found = site.load(Path(__file__).parents[2] / "sites" / "consulate")
    hours = found.hours.model_copy(update={"day": {"2026-12-24": ("09:00-12:00",), "2026-12-25": ()}})
    found = found.model_copy(update={"hours": hours})
    assert day(found, None, date(2026, 12, 24)) == Day(9, 3)
    assert day(found, None, date(2026, 12, 23)) == Day(8, 12)
    assert day(found, None, date(2026, 12, 25)) == Day(0, 24)
