"""The living guide's pages: texts and their state, questions that callers ask, and whether an amendment helped."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from line import CHECKOUT
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import amendments as stored_amendments
from db.engine import writing
from db.enums import AccountRole
from db.tables import Audit, Call, CallEvent, CaseFile
from desk.amend import amendments, questions
from desk.amend.amendments import Amendment
from desk.amend.library import Library
from office.context import Office
from office.guide import note_answered
from office.people import Actor

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LANGUAGES = ("ar", "fr", "en")


def amended(
    number: int, texts: dict[str, dict[str, str]], *, meaning: bool = True, state: str = "released"
) -> Amendment:
    proposed = NOW + timedelta(hours=number)
    return Amendment(str(uuid4()), "visa", texts, {}, meaning, proposed, "1901", state, decided=proposed)


async def test_texts_stand_side_by_side_and_what_lags_behind_is_marked(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(CHECKOUT / "sites" / "consulate", site)
    french = site / "locale" / "fr" / "LC_MESSAGES" / "hatif.po"
    text = french.read_text()
    fee = next(entry for entry in text.split("\n\n") if 'msgctxt "guide_visa_fee"' in entry)
    french.write_text(text.replace(fee, fee.replace("The visa costs", "A visa costs")))
    library = Library(site, None, LANGUAGES)
    rows = (await library.procedures())["visa"]
    assert [row.field for row in rows[:3]] == ["title", "documents", "documents"] and rows[1].part == 1
    assert {row.country for row in rows if row.field == "remark"} == {"GB", "ES"}
    row = next(row for row in rows if row.field == "fee")
    assert [(cell.language, cell.state) for cell in row.cells] == [("ar", ""), ("fr", "behind"), ("en", "")]
    assert all(cell.text and cell.seconds > 1 and not cell.measured for cell in row.cells)
    french.write_text(text.replace(fee, fee.replace('msgctxt "guide_visa_fee"', '#, fuzzy\nmsgctxt "guide_visa_fee"')))
    row = next(row for row in (await library.procedures())["visa"] if row.field == "fee")
    assert [cell.state for cell in row.cells] == ["", "draft", ""]


async def test_languages_that_do_not_follow_an_amendment_of_the_facts_lag_behind() -> None:
    rows = (await Library(CHECKOUT / "sites" / "consulate", None, LANGUAGES).procedures())["visa"]

    def behind(*changes: Amendment) -> list[str]:
        marked = amendments.with_lag(rows, changes)
        return [cell.language for row in marked if row.field == "fee" for cell in row.cells if cell.state == "behind"]

    fee = "guide_visa_fee"
    assert behind() == []
    assert behind(amended(1, {fee: {"fr": "x"}})) == ["ar", "en"]
    assert behind(amended(1, {fee: {"fr": "x"}}, state="proposed")) == []
    assert behind(amended(1, {fee: {"fr": "x"}}, meaning=False)) == []
    assert behind(amended(2, {fee: {"ar": "x"}}, meaning=False), amended(1, {fee: {"fr": "x"}})) == ["en"]


async def call(engine: AsyncEngine, at: datetime, *procedures: str, asked: bool, topic: str | None = None) -> UUID:
    """Keep a call that heard procedures, one after the other, and then perhaps asked for an operator."""
    identity, boot = uuid4(), uuid4()
    queued = at + timedelta(minutes=5) if asked else None
    async with writing(engine) as connection:
        row = {"id": identity, "node": "n", "started": at, "queued": queued, "topic": topic}
        await connection.execute(insert(Call).values(row))
        for number, procedure in enumerate(procedures):
            event = {"node": "n", "boot": boot, "seq": number, "at": at + timedelta(minutes=number)}
            data = {"procedure": procedure, "step": "fee"}
            await connection.execute(insert(CallEvent).values(**event, call_id=identity, kind="guide", data=data))
    return identity


async def gap(engine: AsyncEngine, at: datetime, words: str) -> None:
    data = {"words": words, "language": "fr"}
    async with writing(engine) as connection:
        await connection.execute(
            insert(Audit).values(
                node="n", boot=uuid4(), seq=1, at=at, by="1002", act="guide_gap", about="guide", data=data
            )
        )


async def test_what_callers_ask_is_a_list_that_is_worked_off(engine: AsyncEngine) -> None:
    day = NOW - timedelta(days=3)
    await call(engine, day, "visa", "passport", asked=True)
    await call(engine, day, "passport", asked=True)
    await call(engine, day, "visa", asked=False)
    complained = await call(engine, day, "visa", asked=False)
    async with writing(engine) as connection:
        case = {"reference": "100000012", "node": "n", "kind": "complaint", "opened": day, "call_id": complained}
        await connection.execute(insert(CaseFile).values(**case, topic="complaint"))
    for words in ("Acte de  naissance", "acte de naissance", "Carte grise"):
        await gap(engine, day, words)
    found = await questions.questions(engine, NOW)
    assert {(row.kind, row.about, row.count, row.heard) for row in found} == {
        ("gap", "acte de naissance", 2, 0),
        ("gap", "Carte grise", 1, 0),
        ("operator", "passport", 2, 2),
        ("complaint", "visa", 1, 0),
    }
    key = next(row.key for row in found if row.about == "acte de naissance")
    office = Office(engine, None, "n", now=lambda: NOW - timedelta(days=1))
    await note_answered(office, Actor("1901", AccountRole.SUPERVISOR), key, "a procedure of its own")
    done = next(row for row in await questions.questions(engine, NOW) if row.key == key)
    assert done.done is not None and done.done.note == "a procedure of its own"
    await gap(engine, NOW, "Acte de naissance")
    again = next(row for row in await questions.questions(engine, NOW) if row.key == key)
    assert again.done is None and again.count == 1


async def test_a_figure_shows_whether_an_amendment_helped(engine: AsyncEngine) -> None:
    for days, asked in ((-2, True), (-3, True), (-4, False), (1, False), (2, False), (3, True), (4, False), (40, True)):
        await call(engine, NOW + timedelta(days=days), "visa", asked=asked)
    await call(engine, NOW - timedelta(days=2), "passport", asked=True)
    found = await questions.helped(engine, "visa", NOW)
    assert (found.before, found.after) == (questions.Use(3, 2), questions.Use(4, 1))
    assert (await questions.helped(engine, "none", NOW)).before.share is None


# The pages


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers["/guide/amendments?last=300"] = (200, [])
        found.answers["/guide/amendments?last=300&procedure=visa"] = (200, [proposal()])
        yield found


def proposal() -> dict[str, Any]:
    words = {"guide_visa_fee": {"fr": "Le visa est <b>gratuit</b>."}}
    found = {"id": str(UUID(int=7)), "procedure": "visa", "texts": words, "before": {}, "meaning": True, "why": None}
    return {**found, "proposed": NOW.isoformat(), "proposed_by": "1901", "state": "proposed"}


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.app.state.library = Library(CHECKOUT / "sites" / "consulate", None, LANGUAGES)
        await found.operator("1901", supervisor=True)
        await found.operator("1902", supervisor=True)
        yield found


async def page(desk: TestDesk, account: str = "1902") -> Browser:
    return await desk.signed_in(account, "en")


async def test_only_another_person_is_offered_the_decision(desk: TestDesk) -> None:
    shown = (await (await page(desk)).get("/amend/procedure/visa")).text
    assert "Release" in shown and "Withdraw" not in shown
    assert "Le visa est &lt;b&gt;gratuit&lt;/b&gt;." in shown
    own = (await (await page(desk, "1901")).get("/amend/procedure/visa")).text
    assert "Withdraw" in own and "Release</button>" not in own


async def test_a_proposal_has_the_texts_that_were_changed_and_no_other(desk: TestDesk) -> None:
    browser = await page(desk)
    rows = (await desk.app.state.library.procedures())["visa"]
    form = {f"text:{row.id}:{cell.language}": cell.text for row in rows for cell in row.cells}
    changed = {
        **form,
        "text:guide_visa_fee:fr": " Le visa  est gratuit. ",
        "text:guide_passport_fee:fr": "x",
        "why": "So",
    }
    answer = await browser.post("/amend/procedure/visa", changed)
    assert answer.status == 200, answer.text
    (found,) = await stored_amendments.latest(desk.engine, 5)
    assert (found.state, found.proposed_by) == ("proposed", "1902")
    texts = {"guide_visa_fee": {"fr": "Le visa est gratuit."}}
    assert (found.procedure, found.texts, found.meaning, found.why) == ("visa", texts, True, "So")
    assert (await browser.post("/amend/procedure/visa", form)).status == 409
    assert (await browser.post("/amend/procedure/none", form)).status == 404


async def test_the_lines_refusal_of_ones_own_amendment_is_said_in_the_persons_language(
    desk: TestDesk, controller: StandIn
) -> None:
    identity = UUID(int=7)
    controller.answers[f"/guide/amendments/{identity}/release"] = (403, {"detail": "no", "code": "own"})
    browser = await desk.signed_in("1902", "fr")
    answer = await browser.post(f"/amend/proposal/{identity}", {"change": "release"})
    assert answer.status == 409 and "une autre personne la publie ou la refuse" in answer.text
