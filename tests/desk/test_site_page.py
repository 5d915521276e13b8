"""The administrator's pages: what is typed is checked, kept, and becomes a change of the site's own files."""

import asyncio
import csv
import re
import shutil
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import desk_server
import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Answer, Browser, TestDesk, serving
from site_control import changing, check_here

from db.enums import AccountRole
from desk.page.pages import ROOT
from desk.site import operators

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
ADMIN = "admin"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    shutil.copytree(ROOT.parent / "sites" / "consulate", tmp_path / "site", ignore=shutil.ignore_patterns("*.wav"))
    return tmp_path / "site"


@pytest_asyncio.fixture
async def controller(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StandIn]:
    """A control API that changes a copy of the example site as the controller's does."""
    monkeypatch.setattr("ivr.site_changes.changes.check_site", check_here)
    found, changes = changing(site, tmp_path, NOW)
    async with standing_in(found):
        working = asyncio.create_task(changes.run())
        yield found
        working.cancel()


@pytest_asyncio.fixture
async def desk(
    sqlite_url: str, controller: StandIn, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TestDesk]:
    plain = desk_server.settings_for
    monkeypatch.setattr(
        desk_server, "settings_for", lambda *given: replace(plain(*given), site_folder=site, home=tmp_path)
    )
    async with serving(sqlite_url, controller.port) as found:
        found.desk.now = lambda: NOW
        await found.account(ADMIN, AccountRole.ADMINISTRATOR)
        yield found


async def change_of(browser: Browser, answer: Answer) -> tuple[str, str]:
    """Return a change's address and its page, once it is checked."""
    assert answer.status == 303, answer.text
    async with asyncio.timeout(60):
        while "is-checking" in (page := (await browser.get(answer.leads_to)).text):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return answer.leads_to.partition("?")[0], page


async def released(browser: Browser, answer: Answer) -> str:
    """Release a change, and return its address."""
    path, page = await change_of(browser, answer)
    assert '/release"' in page, page
    assert (await browser.post(f"{path}/release")).status == 303
    return path


def operator(**more: str) -> dict[str, str]:
    return {"id": "1801", "name": "ليلى زعتر", "level_ar": "5", "level_nl": "3", "first": "ar", **more}


async def test_an_operator_is_added_changed_and_removed_in_the_sites_own_file(desk: TestDesk, site: Path) -> None:
    browser = await desk.signed_in(ADMIN, "en")
    before = (site / "operators.csv").read_text()
    await released(browser, await browser.post("/site/operators/new", operator(name=" ليلى \u200fزعتر ")))
    assert (site / "operators.csv").read_text() == before + "1801,ليلى زعتر,ar:5 nl:3,,no\n"
    page = (await browser.get("/site/operators/1003")).text
    mark = re.search(r'name="mark" value="(\w+)"', page)
    assert mark is not None
    form = {"name": "Omar Laurel", "level_ar": "5", "level_nl": "5", "level_fr": "4", "first": "ar", "mark": mark[1]}
    await released(browser, await browser.post("/site/operators/1003", form))
    assert "\n1003,Omar Laurel,ar:5 nl:5 fr:4,,no\n" in (site / "operators.csv").read_text(), "their order stays"
    answer = await browser.post("/site/operators/1003", {**form, "level_nl": "1"})
    assert answer.status == 409 and "Somebody has changed this operator" in answer.text
    assert "ar:5 nl:5 fr:4" in answer.text and re.search(r"<option selected>1</option>", answer.text)
    path = await released(browser, await browser.post("/site/operators/1003/remove"))
    assert "\n1003," not in (site / "operators.csv").read_text()
    assert "\n1001 1002 1004 1005" in (site / "roster.csv").read_text()
    await browser.post(f"{path}/take-back")


async def test_what_is_wrong_is_said_and_nothing_typed_is_lost(desk: TestDesk, site: Path) -> None:
    browser = await desk.signed_in(ADMIN, "en")
    for typed, sentence in (
        (operator(id="1002"), "There is an operator 1002 already: Safae Saffron."),
        (operator(id="12"), "is not an extension"),
        (operator(name="=1+1"), "spreadsheets would take it for a formula"),
        (operator(name="a;b"), "none of these signs"),
        (operator(level_ar="", level_nl=""), "Give at least one language a level."),
    ):
        answer = await browser.post("/site/operators/new", typed)
        assert answer.status == 422 and sentence in answer.text, sentence
        assert f'value="{typed["id"]}"' in answer.text and f'value="{typed["name"]}"' in answer.text
        assert ("<option selected>3</option>" in answer.text) == bool(typed["level_nl"])
    own, other = site / "operators.csv", site / "elsewhere"
    own.rename(other)
    own.symlink_to(other)
    path, _ = await change_of(browser, await browser.post("/site/operators/new", operator()))
    answer = await browser.post(f"{path}/release", {"back": "/site/operators/new?id=1801&name=x"})
    assert answer.status == 409 and "cannot be changed on this machine" in answer.text, answer.text
    answer = await browser.post(f"{path}/discard", {"back": "/site/operators/new?id=1801&name=%D8%B9&languages=nl:3"})
    form = (await browser.get(answer.leads_to)).text
    assert 'value="1801"' in form and 'value="ع"' in form and "<option selected>3</option>" in form


async def test_without_the_controller_the_form_keeps_what_was_typed(sqlite_url: str) -> None:
    async with serving(sqlite_url) as desk:
        await desk.account(ADMIN, AccountRole.ADMINISTRATOR)
        browser = await desk.signed_in(ADMIN, "en")
        answer = await browser.post("/site/operators/new", operator())
        assert answer.status == 422 and "What you have typed is still here" in answer.text
        assert 'value="1801"' in answer.text and 'value="ليلى زعتر"' in answer.text


async def test_an_absence_is_a_line_of_the_roster_and_ends_without_those_of_others(desk: TestDesk, site: Path) -> None:
    browser = await desk.signed_in(ADMIN, "en")
    with (site / "roster.csv").open("a") as file:
        file.write("1003 1004,daily,,,2026-11-20,2026-11-30,absent\n")
    days = {"first": "2026-12-24", "last": "2026-12-26"}
    await released(browser, await browser.post("/site/operators/1003/absences", days))
    assert (site / "roster.csv").read_text().endswith("\n1003,daily,,,2026-12-24,2026-12-26,absent\n")
    page = (await browser.get("/site/operators/1003")).text
    assert "2026-12-24 – 2026-12-26" in page
    assert (await browser.get("/site/operators?q=omar+laurel")).text.count("away today") == 1
    form = {"key": "1003 1004,daily,,,2026-11-20,2026-11-30,absent"}
    await released(browser, await browser.post("/site/operators/1003/absences/remove", form))
    assert "\n1004,daily,,,2026-11-20,2026-11-30,absent\n" in (site / "roster.csv").read_text()
    wrong = {"first": "2026-12-26", "last": "2026-12-24"}
    answer = await browser.post("/site/operators/1003/absences", wrong)
    assert answer.status == 422 and 'value="2026-12-26"' in answer.text


async def test_a_list_goes_out_and_comes_in_with_a_comparison_first(desk: TestDesk, site: Path) -> None:
    browser = await desk.signed_in(ADMIN, "en")
    before = (site / "operators.csv").read_text()
    (site / "operators.csv").write_text(before + "1801,-2+3,ar:5,,no\n")
    sheet = (await browser.get("/site/operators/file")).text
    assert list(csv.reader(sheet.splitlines()))[-1] == ["1801", "'-2+3", "ar:5", "", "no"], "no cell is a formula"
    assert operators.read(sheet, ("ar", "fr", "es", "it", "nl", "de", "en")).operators["1801"].name == "-2+3"
    (site / "operators.csv").write_text(before)
    answer = await browser.post("/site/operators/import", {"content": sheet.rpartition('"1801"')[0]})
    assert "0 added, 0 changed, 0 removed" in answer.text, "what went out comes in as it was"
    lines = before.splitlines()
    lines = [line for line in lines if not line.startswith("1001,")]
    lines[1] = "1002,Safae Saffron,ar:5 fr:5 en:3,,no"
    wanted = "\r\n".join([*lines, "1802;Ilias Thyme;ar:5;;no".replace(";", ",")])
    broken = wanted.replace("1003,", "1004,", 1) + "\n1803,=1+1,fr:9,,no\n1804,x"
    answer = await browser.post("/site/operators/import", {"content": broken})
    assert answer.status == 422 and "Release" not in answer.text
    for sentence in ("Line 4", "The extension 1004 occurs twice", "fr:9", "formula", "has 2 columns"):
        assert sentence in answer.text, sentence
    assert "1803,=1+1" in answer.text, "what was pasted is still there"
    long = "\n".join([*lines, *(f"{number},عبد الرحمن الزعتري,zz:9,,no" for number in range(3000, 5000))])
    answer = await browser.post("/site/operators/import", {"content": long})
    assert answer.status == 422 and "4999,عبد الرحمن" in answer.text, "a list longer than other forms is kept as well"
    answer = await browser.post("/site/operators/import", {"content": "\ufeff" + wanted})
    assert "1 added, 1 changed, 1 removed" in answer.text
    mark = re.search(r'name="mark" value="(\w+)"', answer.text)
    assert mark is not None
    old = {"content": wanted, "mark": "other"}
    assert "Somebody has changed the list" in (await browser.post("/site/operators/import/make", old)).text
    await released(browser, await browser.post("/site/operators/import/make", {"content": wanted, "mark": mark[1]}))
    assert (site / "operators.csv").read_text().splitlines() == [*lines, "1802,Ilias Thyme,ar:5,,no"]
    assert "1001" not in (site / "roster.csv").read_text()


async def test_a_number_is_added_moved_to_another_country_and_removed_with_the_comments_kept(
    desk: TestDesk, site: Path
) -> None:
    browser = await desk.signed_in(ADMIN, "en")
    before = (site / "site.toml").read_text()
    listed = (await browser.get("/site/numbers")).text
    assert "+80000212000" in listed and "several countries" in listed and "Netherlands" in listed
    form = {"number": "+376 800 212 026", "country": "AD", "language_1": "es", "language_2": "fr", "language_4": "ar"}
    for wrong, sentence in (
        ({"number": "0800 212"}, "Write the number with +"),
        ({"number": "0033 800 212 000"}, "The site has the number +33800212000 already."),
        ({"language_2": "es"}, "Choose each language once."),
    ):
        answer = await browser.post("/site/numbers", {**form, **wrong})
        assert answer.status == 422 and sentence in answer.text
        assert '<option value="AD" selected>' in answer.text and 'value="es" selected' in answer.text
    added = await released(browser, await browser.post("/site/numbers", form))
    text = (site / "site.toml").read_text()
    assert '[[number]]\nnumber = "+376800212026"\ncountry = "AD"\n' in text
    assert tomllib.loads(text)["countries"]["AD"]["languages"] == ["es", "fr", "ar"]
    assert "# Voices instead of the default ones" in text
    page = (await browser.get("/site/numbers/one?of=%2B376800212026")).text
    assert "Spanish, French, Arabic, Italian" in page
    mark = re.search(r'name="mark" value="(\w+)"', page)
    assert mark is not None
    moved = {**form, "of": "+376800212026", "country": "IT", "mark": mark[1]}
    await released(browser, await browser.post("/site/numbers", moved))
    data = tomllib.loads((site / "site.toml").read_text())
    assert data["number"][-1] == {"number": "+376800212026", "country": "IT"}
    assert data["countries"]["IT"]["languages"] == ["it", "ar", "fr", "en"], "those of Italy's other number stay"
    assert (await browser.post("/site/numbers", moved)).status == 409, "somebody was faster"
    second = {"number": "+39 800 212 027", "country": "IT", "language_1": "de", "language_2": "nl"}
    await released(browser, await browser.post("/site/numbers", second))
    data = tomllib.loads((site / "site.toml").read_text())
    assert data["countries"]["IT"]["languages"] == ["it", "ar", "fr", "en"], "a number more changes nobody's languages"
    await released(browser, await browser.post("/site/numbers/remove", {"of": "+39800212027"}))
    await released(browser, await browser.post("/site/numbers/remove", {"of": "+376800212026"}))
    assert "376800212026" not in (site / "site.toml").read_text()
    assert (await browser.post(f"{added}/take-back")).status == 409, "its lines are gone"
    assert "# One number for several countries" in before and "# One number for" in (site / "site.toml").read_text()


async def test_a_mistake_in_the_file_is_named_by_each_page_that_reads_it(desk: TestDesk, site: Path) -> None:
    browser = await desk.signed_in(ADMIN, "en")
    form = {"number": "+376800212026", "country": "NL", "language_1": "es", "of": "+33800212000", "day": "2026-11-23"}
    form |= {"own": "8:00-9:00", "monday": "8:00-9:00"}
    for mistake in ("number = 5", "[countries]\nNL = 2", "hours = 3", "[hours.week]\nmonday = 8", "languages = 'fr'"):
        (site / "site.toml").write_text(mistake)
        asked = ["numbers", "numbers/new", "numbers/one?of=%2B33800212000", "hours?month=2026-11"]
        answers = [await browser.get(f"/site/{path}") for path in asked]
        for path in ("numbers", "numbers/remove", "hours/day", "hours/week"):
            answers.append(await browser.post(f"/site/{path}", form))
        assert [answer.status for answer in answers] == [200, *[422] * 7], mistake
        for answer in answers:
            assert "site.toml has a mistake; correct the file first: " in answer.text, mistake


HOLIDAYS = {
    "holidays": [
        {"date": "2026-11-06", "weekday": "friday", "name": "Green March", "estimated": False, "source": "calendar"},
        {"date": "2026-11-18", "weekday": "wednesday", "name": "Estimated", "estimated": True, "source": "calendar"},
    ],
    "taken_back": [{"date": "2026-11-20", "weekday": "friday", "name": "Lifted", "estimated": False, "source": "site"}],
    "at_once": [],
}


async def test_the_calendar_shows_plan_holidays_and_exceptions_and_changes_them(
    desk: TestDesk, controller: StandIn, site: Path
) -> None:
    for year in ("2026", "2027"):
        controller.answers[f"/holidays?year={year}&language=en"] = (200, HOLIDAYS)
    controller.answers["/hours"] = (200, {"forced": False})
    browser = await desk.signed_in(ADMIN, "en")

    async def cells(query: str = "") -> dict[str, str]:
        page = (await browser.get(f"/site/hours?month=2026-11{query}")).text
        found = re.findall(r'aria-label="[0-9]+ · (2026-[-0-9]+)">(.*?)</td>', page, re.DOTALL)
        return {day: " ".join(re.sub("<[^>]*>", " ", cell).split()) for day, cell in found}

    shown = await cells()
    assert shown["2026-11-05"] == "5 08:00–20:00"
    assert shown["2026-11-06"] == "6 closed Green March"
    assert shown["2026-11-18"] == "18 closed Estimated estimated"
    assert shown["2026-11-20"] == "20 08:00–20:00 Lifted lifted"
    page = (await browser.get("/site/hours?month=2026-11&day=2026-11-06")).text
    mark = re.search(r'name="day" value="2026-11-06">.*?name="mark" value="(\w+)"', page, re.DOTALL)
    assert mark is not None
    day = {"day": "2026-11-06", "act": "hours", "own": "9:00 - 12:00, 14.00-24:00", "mark": mark[1]}
    for typed, sentence in (
        ("9-12", "is not a time span"),
        ("12:00-09:00", "ends before"),
        ("8:00-9:30,9:00-10:00", "overlap"),
    ):
        answer = await browser.post("/site/hours/day", {**day, "own": typed})
        assert answer.status == 422 and sentence in answer.text and f'value="{typed}"' in answer.text
    await released(browser, await browser.post("/site/hours/day", day))
    assert '[hours.day]\n2026-11-06 = ["09:00-12:00", "14:00-24:00"]\n' in (site / "site.toml").read_text()
    assert (await cells())["2026-11-06"] == "6 09:00–12:00 14:00–24:00 exception Green March"
    assert (await browser.post("/site/hours/day", day)).status == 409
    page = (await browser.get("/site/hours?month=2026-11&day=2026-11-06")).text
    mark = re.search(r'name="day" value="2026-11-06">.*?name="mark" value="(\w+)"', page, re.DOTALL)
    assert mark is not None
    await released(browser, await browser.post("/site/hours/day", {**day, "act": "usual", "mark": mark[1]}))
    assert "day" not in tomllib.loads((site / "site.toml").read_text())["hours"]

    # The moon decides, this evening: the date is certain, or another one. And a day of the site's own.
    moon, own = "2026-11-18", "2026-11-25"
    for form, request in (
        ({"day": moon, "act": "confirm"}, ("POST", "/holidays", {"day": moon, "name": ""})),
        ({"day": moon, "act": "move", "to": "2026-11-19"}, ("POST", f"/holidays/{moon}/move", {"to": "2026-11-19"})),
        ({"day": moon, "act": "lift"}, ("DELETE", f"/holidays/{moon}", None)),
        ({"day": own, "act": "add", "name": "Élections"}, ("POST", "/holidays", {"day": own, "name": "Élections"})),
    ):
        assert (await browser.post("/site/hours/holiday", {**form, "at_once": "true"})).status == 303
        method, path, who, body = controller.asked[-1]
        assert (method, path, body, who) == (*request, ADMIN)

    # Weekly hours of one number: it gets a plan of its own, and gives it back.
    page = (await browser.get("/site/hours?plan=line:%2B33800212000")).text
    mark = re.search(r'name="plan" value="line:\+33800212000"><input type="hidden" name="mark" value="(\w+)"', page)
    assert mark is not None
    week = {"plan": "line:+33800212000", "mark": mark[1], "monday": "9:00-17:00", "friday": "09:00-12:00"}
    answer = await browser.post("/site/hours/week", {**week, "tuesday": "noon"})
    assert answer.status == 422 and "is not a time span" in answer.text and 'value="9:00-17:00"' in answer.text
    await released(browser, await browser.post("/site/hours/week", week))
    hours = tomllib.loads((site / "site.toml").read_text())["hours"]
    assert hours["line"] == {"+33800212000": {"monday": ["09:00-17:00"], "friday": ["09:00-12:00"]}}
    assert (await cells("&plan=line:%2B33800212000"))["2026-11-23"] == "23 09:00–17:00"
    assert (await cells("&plan=line:%2B33800212000"))["2026-11-24"] == "24 closed"
    assert "a plan of its own" in (await browser.get("/site/numbers")).text


async def test_holidays_are_changed_in_the_file_and_those_that_were_changed_at_once_are_brought_there(
    desk: TestDesk, controller: StandIn, site: Path
) -> None:
    moon, moved, fair = "2026-11-25", "2026-11-26", "2026-12-02"
    at_once = [
        {
            "date": moved,
            "name": "Estimated",
            "holiday": True,
            "by": ADMIN,
            "value": {"en": "Estimated", "fr": "Estimée"},
        },
        {"date": fair, "name": "Fair", "holiday": False, "by": "root", "value": False},
    ]
    for asked in ("/holidays", "/holidays?year=2026&language=en"):
        controller.answers[asked] = (200, {**HOLIDAYS, "at_once": at_once})
    controller.answers["/hours"] = (200, {"forced": True, "open": False})
    in_files = "/holidays/in-files?day="
    controller.answers[f"{in_files}{moon}&act=move&to=2026-11-27"] = (200, {"days": {moon: False, "2026-11-27": True}})
    browser = await desk.signed_in(ADMIN, "en")
    path = site / "site.toml"
    before = path.read_text()

    async def exceptions() -> list[str]:
        page = (await browser.get("/site/hours?month=2026-11&day=2026-11-26")).text
        assert "forced closed, against all plans" in page
        found = re.search(r'class="exceptions">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
        rows = found[1].split("</tr>")[:-1] if found is not None else []
        return [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in rows]

    assert await exceptions() == [
        "Thu 26 Nov 2026 holiday: Estimated changed at once Person admin Write it into the file Withdraw",
        "Wed 2 Dec 2026 a day like others ( Fair ) changed at once root Write it into the file Withdraw",
    ]
    page = (await browser.get(f"/site/hours?month=2026-11&day={moved}")).text
    assert "Person admin changed this day at once" in page and 'action="/site/hours/holiday"' not in page

    # In the file, and taken back.
    form = {"day": moon, "act": "move", "to": "2026-11-27"}
    change = await released(browser, await browser.post("/site/hours/holiday", form))
    assert "[hours.holiday]\n2026-11-25 = false\n2026-11-27 = true\n" in path.read_text()
    assert [row.split(" site.toml")[0] for row in await exceptions() if "site.toml" in row] == [
        "Wed 25 Nov 2026 a day like others",
        "Fri 27 Nov 2026 holiday",
    ]
    assert (await browser.post(f"{change}/take-back")).status == 303
    async with asyncio.timeout(60):
        while path.read_text() != before:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    # What was changed at once: withdrawn, or written into the file, one day or all.
    assert (await browser.post("/site/hours/at-once", {"day": fair, "act": "withdraw"})).status == 303
    assert controller.asked[-1] == ("DELETE", f"/holidays/{fair}/change", ADMIN, None)
    await released(browser, await browser.post("/site/hours/at-once", {"day": moved, "act": "write"}))
    hours = tomllib.loads(path.read_text())["hours"]
    assert hours["holiday"] == {moved: {"en": "Estimated", "fr": "Estimée"}}
    await released(browser, await browser.post("/site/hours/at-once", {"act": "all"}))
    hours = tomllib.loads(path.read_text())["hours"]
    assert hours["holiday"] == {moved: {"en": "Estimated", "fr": "Estimée"}, fair: False}
    assert (await browser.post("/site/hours/at-once", {"act": "all"})).status == 422, "the file says it already"
    controller.answers[f"{in_files}{moved}&act=remove"] = (200, {"days": {moved: None, fair: None}})
    await released(browser, await browser.post("/site/hours/holiday", {"day": moved, "act": "lift"}))
    assert path.read_text() == before


async def test_five_hundred_operators_are_listed_found_and_brought_in_at_once(desk: TestDesk, site: Path) -> None:
    browser = await desk.signed_in(ADMIN, "ar")
    toml = (site / "site.toml").read_text()
    (site / "site.toml").write_text(toml.replace("# [sip]", "[sip]\naudio_ports = 3000\n# [sip]"))
    lines = (site / "operators.csv").read_text().splitlines()
    more = [f"{2000 + n},عبد الرحمن الزعتري {n},ar:5 fr:{1 + n % 5},,no" for n in range(500 - len(lines) + 1)]
    whole = "\n".join([*lines, *more])
    answer = await browser.post("/site/operators/import", {"content": whole})
    assert answer.status == 200 and answer.text.count('class="is-added"') == len(more)
    mark = re.search(r'name="mark" value="(\w+)"', answer.text)
    assert mark is not None
    await released(browser, await browser.post("/site/operators/import/make", {"content": whole, "mark": mark[1]}))
    assert (site / "operators.csv").read_text() == whole + "\n"
    assert (await browser.get("/site/operators")).text.count('<th scope="row">') == 500
    found = (await browser.get("/site/operators?q=%D8%B2%D8%B9%D8%AA%D8%B1+fr:2+41")).text
    assert 0 < found.count('<th scope="row">') < 20 and "عبد الرحمن الزعتري 41" in found
