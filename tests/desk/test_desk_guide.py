"""The guide beside the call: found in both people's languages, shown side by side, noted in the case."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from stored_cases import REFERENCE, notes_of, store_case

from desk.guide import book

pytest_plugins = ["db_fixtures"]

CALL = str(uuid4())


def procedure(identity: str, title: str, **members: Any) -> dict[str, Any]:
    found = {"id": identity, "status": "sample", "title": title, "fields": {}, "remarks": {}, "sources": []}
    return {**found, **members}


FRENCH = [
    procedure("passport", "Premier passeport", fields={"documents": "Deux photos."}, remarks={"FR": "À Lyon."}),
    procedure("visa", "Visa", fields={"fee": "60 euros."}),
]
ARABIC = [procedure("passport", "جَوَازُ السَّفَرِ", fields={"documents": "صُورَتَانِ <b>."}), procedure("visa", "تَأْشِيرَة")]


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers["/guide?language=fr"] = (200, {"procedures": FRENCH})
        found.answers["/guide?language=ar"] = (200, {"procedures": ARABIC})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await store_case(found.engine)
        yield found


@pytest_asyncio.fixture
async def browser(desk: TestDesk) -> Browser:
    return await desk.signed_in("1002", "fr")


def reads(controller: StandIn) -> list[str]:
    return [path for method, path, _, _ in controller.asked if method == "GET"]


async def test_a_procedure_is_found_in_the_operators_language_and_in_the_callers(
    desk: TestDesk, browser: Browser, controller: StandIn
) -> None:
    assert "Premier passeport" in (await browser.get("/guide/search?q=passeprt")).text
    assert "Premier passeport" not in (await browser.get("/guide/search?q=جواز")).text
    controller.connect("1002", language="ar", country="FR")
    await controller.seen(desk)
    assert "Premier passeport" in (await browser.get("/guide/search?q=جواز")).text
    page = (await browser.get("/guide/procedure/passport")).text
    assert "Deux photos." in page and "جواز السفر" in page, "without vowel signs: it is read, not spoken"
    assert 'lang="ar" dir="rtl"' in page and "À Lyon." in page and "&lt;b&gt;" in page
    assert (await browser.get("/guide/procedure/nothing")).status == 404
    assert (await browser.get("/guide/search?q=")).text.strip() == ""


async def test_the_guide_is_read_once_a_minute_however_much_is_typed(
    desk: TestDesk, browser: Browser, controller: StandIn
) -> None:
    for words in ("p", "pa", "pas", "pass"):
        await browser.get(f"/guide/search?q={words}")
    assert reads(controller) == ["/guide?language=fr"]
    desk.moved = book.KEPT * 2
    await browser.get("/guide/search?q=visa")
    assert reads(controller) == ["/guide?language=fr"] * 2


async def test_what_the_guide_does_not_have_is_noted_with_one_click(
    desk: TestDesk, browser: Browser, controller: StandIn
) -> None:
    assert "Pas dans le guide" in (await browser.get("/guide/search?q=dragons")).text
    form = {"q": " permis de <chasse> ", "reference": REFERENCE}
    assert (await browser.post("/guide/missing", {**form, "q": " "})).status == 409
    assert (await browser.post("/guide/missing", {**form, "reference": ""})).status == 200
    controller.connect("1002", identity=CALL, language="ar", topic="documents")
    await controller.seen(desk)
    assert (await browser.post("/guide/missing", form)).status == 200
    gaps = [(row["by"], row["call_id"], row["data"]) for row in desk.traces("guide_gap")]
    gap = {"words": "permis de <chasse>", "language": "fr"}
    assert gaps == [("1002", None, {**gap, "topic": None}), ("1002", CALL, {**gap, "topic": "documents"})]
    assert await notes_of(desk.engine) == [("1002", "Pas dans le guide : permis de <chasse>")]


async def test_what_was_explained_is_noted_in_the_case_that_is_open(desk: TestDesk, browser: Browser) -> None:
    assert (await browser.post("/guide/procedure/visa/explained", {"reference": ""})).status == 409
    answer = await browser.post("/guide/procedure/visa/explained", {"reference": REFERENCE})
    assert answer.status == 200
    assert await notes_of(desk.engine) == [("1002", "Expliqué d'après le guide : Visa")]


LYON = {
    "city": "قُنْصُلِيَّةُ لِيُونَ",
    "languages": ["fr", "ar"],
    "address": "<b>12</b>",
    "hours": "9-15",
    "appointment": "Par téléphone.",
    "telephone": "+33465710101",
    "duty": "+33465710102",
    "not_done": "Pas de visas.",
    "status": "sample",
}


async def test_the_consulates_of_a_country_are_shown_with_their_duty_numbers(
    browser: Browser, controller: StandIn
) -> None:
    controller.answers["/consulates?country=FR&language=fr"] = (200, [LYON, {**LYON, "status": "confirmed"}])
    controller.answers["/consulates?country=NO&language=fr"] = (200, [])
    page = (await browser.get("/guide/consulate/FR")).text
    assert "قنصلية ليون" in page and page.count("+33465710102") == 2 and "&lt;b&gt;12" in page
    assert page.count("le ministère doit le confirmer") == 1
    assert "aucun consulat" in (await browser.get("/guide/consulate/NO")).text
    assert (await browser.get("/guide/consulate/fr")).status == 422
