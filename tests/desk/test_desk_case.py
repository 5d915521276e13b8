"""The caller's file: what is known of them, and a case that two people may change at once."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import writing
from db.names import folded
from db.references import make_reference
from db.tables import Call, CaseFile, Message, Operator
from desk.case import forms, presence, queries

pytest_plugins = ["db_fixtures"]

REFERENCE, OTHER = make_reference(1, 17), make_reference(1, 18)
NUMBER = "+33612345678"
CALL = str(uuid4())
PATH = f"/cases/{REFERENCE}"


def case_document(**members: Any) -> dict[str, Any]:
    """Return a case as the control API does."""
    return {
        "reference": REFERENCE,
        "version": "v1",
        "kind": "procedure",
        "state": "open",
        "topic": "documents",
        "language": "fr",
        "country": "FR",
        "post": None,
        "caller": NUMBER,
        "title": "First passport",
        "applicant": None,
        "missing": ["photograph"],
        "expected": None,
        "owner": "1003",
        "priority": "normal",
        "follow_up": None,
        "due": "2026-12-01T09:30:00Z",
        "opened": "2026-11-20T10:00:00Z",
        "changed": None,
        "closed": None,
        "call": None,
        "pin": True,
        "notes": [{"at": "2026-11-20T10:00:00Z", "author": "1003", "text": "Asked for a photograph.", "call": None}],
        "messages": [],
        **members,
    }


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers[PATH] = (200, case_document())
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        for account in ("1002", "1003"):
            await found.operator(account)
            found.says_why(account, "search", f"case:{REFERENCE}", f"call:{CALL}")
        yield found


@pytest_asyncio.fixture
async def browser(desk: TestDesk) -> Browser:
    return await desk.signed_in("1002", "en")


def fields_of(page: str) -> dict[str, str]:
    """Return the values of a case's form, with the hidden ones, as a browser would send them unchanged."""
    found = {name: unescape(value) for name, value in re.findall(r'name="(\w+)"[^>]*? value="([^"]*)"', page)}
    for name, options in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen is not None else ""
    found["missing"] = "photograph"
    return {name: value for name, value in found.items() if name in (*forms.FIELDS, "base", "version")}


async def opened(browser: Browser) -> dict[str, str]:
    answer = await browser.get(f"/case/file/{REFERENCE}")
    assert answer.status == 200, answer.text
    return fields_of(answer.text)


def changes(controller: StandIn) -> list[Any]:
    return [body for method, path, _, body in controller.asked if (method, path) == ("PATCH", PATH)]


async def test_only_what_was_changed_is_sent_with_the_version_it_is_based_on(
    browser: Browser, controller: StandIn
) -> None:
    form = await opened(browser)
    assert form["due"] == datetime(2026, 12, 1, 9, 30, tzinfo=UTC).astimezone(ZoneInfo("Africa/Casablanca")).strftime(
        "%Y-%m-%dT%H:%M"
    )
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "state": "ready", "post": " Lyon "})
    assert answer.status == 200 and "Saved." in answer.text
    assert changes(controller) == [{"version": "v1", "state": "ready", "post": "Lyon"}]
    unchanged = await browser.post(f"/case/file/{REFERENCE}", form)
    assert unchanged.status == 200 and changes(controller)[1:] == [{"version": "v1"}]


async def test_where_two_people_changed_the_same_both_texts_are_shown_and_nothing_is_overwritten(
    browser: Browser, controller: StandIn
) -> None:
    form = await opened(browser)
    present = case_document(version="v2", title="Passport of a child", state="incomplete")
    controller.answers[PATH] = (409, {"detail": "…", "code": "case_changed", "case": present})
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "title": "Lost passport", "post": "Lyon"})
    assert answer.status == 422
    again = fields_of(answer.text)
    assert (again["title"], again["post"], again["state"]) == ("Lost passport", "Lyon", "incomplete")
    assert again["version"] == "v2" and json.loads(again["base"])["title"] == "Passport of a child"
    assert "Somebody else wrote: Passport of a child" in answer.text
    assert len(changes(controller)) == 1
    controller.answers[PATH] = (200, present)
    await browser.post(f"/case/file/{REFERENCE}", again)
    assert changes(controller)[1] == {"version": "v2", "title": "Lost passport", "post": "Lyon"}


async def test_the_others_choice_is_shown_in_words(browser: Browser, controller: StandIn) -> None:
    form = await opened(browser)
    present = case_document(version="v2", state="incomplete", missing=["photograph", "fee"])
    controller.answers[PATH] = (409, {"detail": "…", "code": "case_changed", "case": present})
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "state": "ready", "missing": "form"})
    assert "Somebody else wrote: Incomplete" in answer.text and "Somebody else wrote: photograph, fee" in answer.text


async def test_changes_of_different_fields_are_both_kept(browser: Browser, controller: StandIn) -> None:
    form = await opened(browser)
    present = case_document(version="v2", state="incomplete")
    controller.once[PATH] = (409, {"detail": "…", "code": "case_changed", "case": present})
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "title": "Lost passport"})
    assert answer.status == 200 and "Saved." in answer.text
    assert changes(controller) == [
        {"version": "v1", "title": "Lost passport"},
        {"version": "v2", "title": "Lost passport"},
    ]


async def test_what_is_not_valid_is_said_at_its_field_and_the_text_stays(browser: Browser, controller: StandIn) -> None:
    form = await opened(browser)
    problem = {"detail": "…", "errors": [{"location": "body.caller", "detail": "'12' is not a telephone number"}]}
    controller.once[PATH] = (422, problem)
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "caller": "12", "title": "<b>نص</b>"})
    assert answer.status == 422
    assert re.search(r'id="c-caller" name="caller" aria-invalid="true" aria-describedby="c-caller-note', answer.text)
    assert "This is not a telephone number; write it with +" in answer.text and "&lt;b&gt;نص&lt;/b&gt;" in answer.text
    assert fields_of(answer.text)["caller"] == "12"
    assert json.loads(fields_of(answer.text)["base"])["caller"] == NUMBER


async def test_a_form_whose_hidden_part_cannot_be_read_changes_nothing(browser: Browser, controller: StandIn) -> None:
    for base in ("", "[]", "{", "1"):
        answer = await browser.post(f"/case/file/{REFERENCE}", {"version": "v1", "base": base, "title": "x"})
        assert answer.status == 422
    assert changes(controller) == []


async def test_the_applicants_name_is_part_of_both_forms(browser: Browser, controller: StandIn) -> None:
    controller.answers[PATH] = (200, case_document(applicant="Zoé <Fern>"))
    form = await opened(browser)
    assert form["applicant"] == "Zoé <Fern>"
    await browser.post(f"/case/file/{REFERENCE}", {**form, "applicant": " أَحْمَد "})
    assert changes(controller) == [{"version": "v1", "applicant": "أَحْمَد"}]
    problem = {"detail": "…", "errors": [{"location": "body.applicant", "detail": "too long"}]}
    controller.answers["/cases"] = (422, problem)
    refused = await browser.post("/case/new", {"title": "A visa", "topic": "travel", "applicant": "<i>" * 50})
    assert refused.status == 422 and "Write at most 120 characters." in refused.text
    assert fields_of(refused.text)["applicant"] == "<i>" * 50


async def test_a_note_is_added_once_and_an_empty_one_is_none(browser: Browser, controller: StandIn) -> None:
    controller.answers[f"{PATH}/notes"] = (201, {"reference": REFERENCE, "version": "v1"})
    assert (await browser.post(f"/case/file/{REFERENCE}/note", {"text": "  \n"})).status == 204
    answer = await browser.post(f"/case/file/{REFERENCE}/note", {"text": "  Called back.\n", "call": CALL})
    assert answer.status == 200 and "Asked for a photograph." in answer.text
    notes = [(who, body) for _, path, who, body in controller.asked if path.endswith("/notes")]
    assert notes == [("1002", {"text": "Called back.", "call": CALL})]


async def test_the_longest_note_that_its_field_takes_is_kept_whatever_it_is_written_in(
    browser: Browser, controller: StandIn
) -> None:
    for text in ("\n".join("x" * 2000), "ش" * 4000, "🕌" * 2000):
        answer = await browser.post(f"/case/file/{REFERENCE}/note", {"text": text.replace("\n", "\r\n")})
        assert answer.status == 200
        ((_, _, _, body),) = [asked for asked in controller.asked if asked[1].endswith("/notes")][-1:]
        assert body["text"] == text


async def test_what_is_refused_as_a_whole_is_a_notice_and_takes_no_forms_place(
    browser: Browser, controller: StandIn
) -> None:
    controller.answers[f"{PATH}/notes"] = (422, {"detail": "The note is too long."})
    for text in ("too long", "x" * 9000):
        answer = await browser.post(f"/case/file/{REFERENCE}/note", {"text": text}, {"HX-Request": "true"})
        assert answer.status == 422
        assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#notices", "beforeend")


async def test_a_new_case_has_a_reference_and_a_pin_to_be_read_out_once(browser: Browser, controller: StandIn) -> None:
    controller.answers["/cases"] = (201, {"reference": REFERENCE, "version": "v1", "pin": "482913"})
    form = {"title": "First passport", "topic": "documents", "language": "fr", "country": "FR", "kind": "procedure"}
    answer = await browser.post("/case/new", {**form, "call": CALL})
    assert answer.status == 200 and "482 913" in answer.text and "Read out:" in answer.text
    assert controller.asked[0] == ("POST", "/cases", "1002", form)
    assert "482 913" not in (await browser.get(f"/case/file/{REFERENCE}")).text
    controller.answers["/cases"] = (
        422,
        {"detail": "…", "errors": [{"location": "body.title", "detail": "is missing"}]},
    )
    refused = await browser.post("/case/new", {"topic": "documents"})
    assert refused.status == 422 and 'id="c-title-note"' in refused.text
    controller.answers[f"{PATH}/pin"] = (200, {"reference": REFERENCE, "pin": "112358"})
    assert "112 358" in (await browser.post(f"/case/file/{REFERENCE}/pin")).text


async def test_two_people_on_one_case_see_each_other(desk: TestDesk, browser: Browser) -> None:
    other = await desk.signed_in("1003")
    await browser.get(f"/case/file/{REFERENCE}")
    assert "Safae Saffron" in (await other.get(f"/case/file/{REFERENCE}")).text
    assert "Safae Saffron" in (await browser.get(f"/case/file/{REFERENCE}/others")).text
    desk.moved = presence.LASTS + timedelta(seconds=1)
    assert "Also open" not in (await browser.get(f"/case/file/{REFERENCE}/others")).text


async def test_a_reference_that_is_wrong_or_unknown_is_not_found(browser: Browser, controller: StandIn) -> None:
    controller.answers[PATH] = (404, {"detail": "no such case"})
    for reference in (REFERENCE, "1", "abc", "100000018", "..%2F..%2Fstatus"):
        assert (await browser.get(f"/case/file/{reference}")).status == 404


async def seed(engine: AsyncEngine) -> None:
    now = datetime.now(UTC)
    async with writing(engine) as connection:
        await connection.execute(insert(Operator).values(id="1003", name="Omar Laurel"))
        for days, outcome, number in ((3, "answered", NUMBER), (9, "abandoned", NUMBER), (1, "answered", "+3199")):
            row = {"outcome": outcome, "caller": number, "operator_id": "1003" if outcome == "answered" else None}
            await connection.execute(
                insert(Call).values(id=uuid4(), node="n", language="fr", started=now - timedelta(days=days), **row)
            )
        call = {"id": UUID(CALL), "node": "n", "caller": NUMBER, "language": "fr", "started": now}
        await connection.execute(insert(Call).values(call))
        for reference, title, closed, name in (
            (REFERENCE, "First passport", None, "أَحْمَد <b>Müller</b>"),
            (OTHER, "100% <old>", now, None),
        ):
            case_row: dict[str, Any] = {"title": title, "closed": closed, "caller": NUMBER, "kind": "procedure"}
            case_row |= {"applicant": name, "applicant_folded": name and folded(name)}
            case_row["state"] = "open" if closed is None else "closed"
            await connection.execute(insert(CaseFile).values(reference=reference, node="n", opened=now, **case_row))
        message = {"id": uuid4(), "node": "n", "call_id": uuid4(), "caller": NUMBER, "file": "x", "at": now}
        await connection.execute(insert(Message).values(message))


async def test_the_callers_file_has_earlier_calls_open_cases_and_messages(
    desk: TestDesk, browser: Browser, controller: StandIn
) -> None:
    await seed(desk.engine)
    page = (await browser.get(f"/case/call/{CALL}")).text
    assert "2 earlier calls" in page and "hung up while waiting" in page and "Omar Laurel" in page
    assert page.index("First passport") < page.index("100% &lt;old&gt;"), "open cases come first"
    assert re.search(r'1 message of this number was not heard yet</span>.*data-opens="worklist"', page), "to be played"
    assert "New case" in page, "this call has no case of its own"
    coming = (await browser.get(f"/case/call/{CALL}/coming")).text
    hint, panel = coming.split('<div id="coming"')
    assert "2 earlier calls" in hint and "First passport" in hint and "old" not in hint
    assert f'data-call="{CALL}"' in panel and "100% &lt;old&gt;" in panel and "New case" not in panel
    shown = "<bdi>أَحْمَد &lt;b&gt;Müller&lt;/b&gt;</bdi>"
    assert hint.count(shown) == 1 and page.count(shown) == 2, "who calls, and the applicant of the case"
    controller.connect("1002", identity=CALL, caller=NUMBER, case=REFERENCE)
    await controller.seen(desk)
    for path in ("/case/latest", f"/case/call/{CALL}"):
        live = (await browser.get(path)).text
        assert "2 earlier calls" in live and fields_of(live)["title"] == "First passport", "in one answer"
        assert f'name="call" value="{CALL}"' in live
    controller.answers[PATH] = (503, {"detail": "away"})
    live = (await browser.get("/case/latest")).text
    assert "2 earlier calls" in live and f'hx-get="/case/file/{REFERENCE}?call={CALL}"' in live
    assert (await browser.get(f"/case/call/{uuid4()}")).status == 404
    assert (await browser.get("/case/call/x")).status == 422


async def test_cases_are_found_by_reference_number_name_title_and_what_was_said_in_a_message(
    desk: TestDesk, browser: Browser
) -> None:
    await seed(desk.engine)
    said = {"text": "J'ai perdu mon passeport, 50% sûr", "case_reference": OTHER, "file": "messages/x.wav"}
    left = {"id": uuid4(), "node": "n", "call_id": uuid4(), "at": datetime.now(UTC), **said}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Message).values(left))

    async def found(text: str) -> list[str]:
        return [row.reference for row in await queries.search(desk.engine, text)]

    assert await found(f"{REFERENCE[:3]}-{REFERENCE[3:6]} {REFERENCE[6:]}") == [REFERENCE]
    assert set(await found("06 12 34 56 78")) == set(await found("0033612345678")) == {REFERENCE, OTHER}
    assert await found("PASSPORT") == [REFERENCE]
    assert await found("100%") == [OTHER]
    assert await found("Perdu mon passeport") == await found("50%") == [OTHER]
    assert await found("muller أحمد") == await found("احم") == [REFERENCE]
    assert "&lt;b&gt;Müller&lt;/b&gt;" in (await browser.get("/case/search?q=MULLER")).text
    assert await found("%") == await found("") == await found("____") == await found("no such words") == []


Text = st.sampled_from(["", "a", "b", "c"])
Form = st.fixed_dictionaries(dict.fromkeys(("title", "post", "state"), Text))


@given(base=Form, mine=Form, theirs=Form)
def test_merging_keeps_every_change_and_names_each_conflict(
    base: dict[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    merged = forms.merge(mine, base, theirs)
    for name in base:
        i_changed, they_changed = mine[name] != base[name], theirs[name] != base[name]
        assert merged.values[name] == (mine[name] if i_changed else theirs[name])
        assert (name in merged.conflicts) == (i_changed and they_changed and mine[name] != theirs[name])
