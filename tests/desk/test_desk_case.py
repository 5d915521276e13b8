"""The caller's file: what is known of them, and a case that two people may change at once."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, event, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from stored_cases import NUMBER, OTHER, REFERENCE, store_case

from db.case_files import FileStory, story
from db.delivery import deliver_all
from db.engine import async_engine, reading, writing
from db.enums import AccountRole
from db.names import folded
from db.tables import Audit, Call, CaseFile, Message, Operator
from desk.case import forms, presence
from office.cases.changing import note
from office.cases.reading import search
from office.cases.rules import FIELDS
from office.people import Actor, NotAllowedError
from office.reading import Unshown

pytest_plugins = ["db_fixtures"]

CALL = str(uuid4())


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await store_case(found.engine)
        await controller.followed(found)
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
    return {name: value for name, value in found.items() if name in (*FIELDS, "base", "version")}


async def opened(browser: Browser) -> dict[str, str]:
    answer = await browser.get(f"/case/file/{REFERENCE}")
    assert answer.status == 200, answer.text
    return fields_of(answer.text)


async def changes(desk: TestDesk) -> list[dict[str, Any]]:
    """Return what was changed, by whom it was, as the audit has it, oldest first."""
    async with reading(desk.engine) as connection:
        rows = await connection.execute(select(Audit).where(Audit.act == "case_changed").order_by(Audit.at, Audit.boot))
        return [{name: new for name, (_, new) in row.data.items()} for row in rows]


async def kept(desk: TestDesk, reference: str = REFERENCE) -> FileStory:
    return await story(desk.engine, reference)


async def test_only_what_was_changed_is_sent_with_the_version_it_is_based_on(desk: TestDesk, browser: Browser) -> None:
    form = await opened(browser)
    assert form["due"] == datetime(2026, 12, 1, 9, 30, tzinfo=UTC).astimezone(ZoneInfo("Africa/Casablanca")).strftime(
        "%Y-%m-%dT%H:%M"
    )
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "state": "ready", "post": " Lyon "})
    assert answer.status == 200 and "Saved." in answer.text
    assert await changes(desk) == [{"state": "ready", "post": "Lyon"}]
    assert (await kept(desk)).file.version == 2
    unchanged = await browser.post(f"/case/file/{REFERENCE}", fields_of(answer.text))
    assert unchanged.status == 200 and len(await changes(desk)) == 1
    assert (await kept(desk)).file.version == 2


async def test_where_two_people_changed_the_same_both_texts_are_shown_and_nothing_is_overwritten(
    desk: TestDesk, browser: Browser
) -> None:
    form = await opened(browser)
    other = await desk.signed_in("1003", "en")
    theirs = {**await opened(other), "title": "Passport of a child", "state": "incomplete"}
    assert "Saved." in (await other.post(f"/case/file/{REFERENCE}", theirs)).text
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "title": "Lost passport", "post": "Lyon"})
    assert answer.status == 422
    again = fields_of(answer.text)
    assert (again["title"], again["post"], again["state"]) == ("Lost passport", "Lyon", "incomplete")
    assert again["version"] == "2" and json.loads(again["base"])["title"] == "Passport of a child"
    assert "Somebody else wrote: Passport of a child" in answer.text
    assert len(await changes(desk)) == 1 and (await kept(desk)).file.title == "Passport of a child"
    await browser.post(f"/case/file/{REFERENCE}", again)
    assert (await changes(desk))[1] == {"title": "Lost passport", "post": "Lyon"}


async def test_the_others_choice_is_shown_in_words(desk: TestDesk, browser: Browser) -> None:
    form = await opened(browser)
    await store_case(desk.engine, version=2, state="incomplete", missing=["photograph", "fee"])
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "state": "ready", "missing": "form"})
    assert "Somebody else wrote: Incomplete" in answer.text and "Somebody else wrote: photograph, fee" in answer.text


async def test_changes_of_different_fields_are_both_kept(desk: TestDesk, browser: Browser) -> None:
    form = await opened(browser)
    await store_case(desk.engine, version=2, state="incomplete")
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "title": "Lost passport"})
    assert answer.status == 200 and "Saved." in answer.text
    assert await changes(desk) == [{"title": "Lost passport"}]
    file = (await kept(desk)).file
    assert (file.title, file.state, file.version) == ("Lost passport", "incomplete", 3)


async def test_a_page_of_the_release_before_the_upgrade_is_compared_as_well(desk: TestDesk, browser: Browser) -> None:
    """Its versions were digests, which are none now; so it is met as a change of somebody else's is."""
    form = await opened(browser)
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "version": "3f2a90c1d4e5b678", "title": "Lost"})
    assert answer.status == 200 and "Saved." in answer.text
    assert await changes(desk) == [{"title": "Lost"}]


async def test_what_is_not_valid_is_said_at_its_field_and_the_text_stays(desk: TestDesk, browser: Browser) -> None:
    form = await opened(browser)
    answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "caller": "12", "title": "<b>نص</b>"})
    assert answer.status == 422
    assert re.search(r'id="c-caller" name="caller" aria-invalid="true" aria-describedby="c-caller-note', answer.text)
    assert "This is not a telephone number; write it with +" in answer.text and "&lt;b&gt;نص&lt;/b&gt;" in answer.text
    assert fields_of(answer.text)["caller"] == "12"
    assert json.loads(fields_of(answer.text)["base"])["caller"] == NUMBER
    past = await browser.post(f"/case/file/{REFERENCE}", {**form, "follow_up": "2020-01-15"})
    assert past.status == 422 and "This day is not possible, or has passed." in past.text
    assert await changes(desk) == []


async def test_a_form_whose_hidden_part_cannot_be_read_changes_nothing(desk: TestDesk, browser: Browser) -> None:
    for base in ("", "[]", "{", "1"):
        answer = await browser.post(f"/case/file/{REFERENCE}", {"version": "1", "base": base, "title": "x"})
        assert answer.status == 422
    assert await changes(desk) == []


async def test_the_applicants_name_is_part_of_both_forms(desk: TestDesk, browser: Browser) -> None:
    await store_case(desk.engine, applicant="Zoé <Fern>")
    form = await opened(browser)
    assert form["applicant"] == "Zoé <Fern>"
    await browser.post(f"/case/file/{REFERENCE}", {**form, "applicant": " أَحْمَد "})
    assert (await kept(desk)).file.applicant == "أَحْمَد"
    given = {"title": "A visa", "topic": "travel", "language": "fr", "country": "FR", "applicant": "<i>" * 50}
    refused = await browser.post("/case/new", given)
    assert refused.status == 422 and "Write at most 120 characters." in refused.text
    assert fields_of(refused.text)["applicant"] == "<i>" * 50


async def test_a_note_is_added_once_and_an_empty_one_is_none(desk: TestDesk, browser: Browser) -> None:
    assert (await browser.post(f"/case/file/{REFERENCE}/note", {"text": "  \n"})).status == 204
    answer = await browser.post(f"/case/file/{REFERENCE}/note", {"text": "  Called back.\n", "call": CALL})
    assert answer.status == 200 and "Asked for a photograph." in answer.text
    *_, note = (await kept(desk)).notes
    assert (note.author, note.text, str(note.call_id)) == ("1002", "Called back.", CALL)
    assert len((await kept(desk)).notes) == 2


async def test_the_longest_note_that_its_field_takes_is_kept_whatever_it_is_written_in(
    desk: TestDesk, browser: Browser
) -> None:
    for text in ("\n".join("x" * 2000), "ش" * 4000, "🕌" * 2000):
        answer = await browser.post(f"/case/file/{REFERENCE}/note", {"text": text.replace("\n", "\r\n")})
        assert answer.status == 200
        assert (await kept(desk)).notes[-1].text == text.strip()


async def test_what_is_refused_as_a_whole_is_a_notice_and_takes_no_forms_place(browser: Browser) -> None:
    for text in ("x" * 4001, "x" * 9000):
        answer = await browser.post(f"/case/file/{REFERENCE}/note", {"text": text}, {"HX-Request": "true"})
        assert answer.status == 422
        assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#notices", "beforeend")


async def test_a_new_case_has_a_reference_and_a_pin_to_be_read_out_once(desk: TestDesk, browser: Browser) -> None:
    form = {"title": "First passport", "topic": "documents", "language": "fr", "country": "FR", "kind": "procedure"}
    answer = await browser.post("/case/new", {**form, "call": CALL})
    assert answer.status == 200 and "Read out:" in answer.text
    shown = re.search(r'dir="ltr">(\d{3}-\d{3}-\d{3})</bdi>, PIN <bdi dir="ltr">(\d{3} \d{3})</bdi>', answer.text)
    assert shown is not None
    reference, pin = shown[1].replace("-", ""), shown[2]
    file = (await kept(desk, reference)).file
    assert (file.title, file.kind, file.country, file.pin) == ("First passport", "procedure", "FR", True)
    assert pin not in (await browser.get(f"/case/file/{reference}")).text
    refused = await browser.post("/case/new", {"topic": "documents"})
    assert refused.status == 422 and 'id="c-title-note"' in refused.text
    again = (await browser.post(f"/case/file/{reference}/pin")).text
    assert re.search(r'PIN <bdi dir="ltr">\d{3} \d{3}</bdi>', again) and pin not in again


async def test_two_people_on_one_case_see_each_other(desk: TestDesk, browser: Browser) -> None:
    other = await desk.signed_in("1003")
    await browser.get(f"/case/file/{REFERENCE}")
    assert "Safae Saffron" in (await other.get(f"/case/file/{REFERENCE}")).text
    assert "Safae Saffron" in (await browser.get(f"/case/file/{REFERENCE}/others")).text
    desk.moved = presence.LASTS + timedelta(seconds=1)
    assert "Also open" not in (await browser.get(f"/case/file/{REFERENCE}/others")).text


async def test_a_reference_that_is_wrong_or_unknown_is_not_found(browser: Browser) -> None:
    for reference in (OTHER, "1", "abc", "100000018", "..%2F..%2Fstatus"):
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
            await connection.execute(delete(CaseFile).where(CaseFile.reference == reference))
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
    async with writing(desk.engine) as connection:
        await connection.execute(delete(CaseFile).where(CaseFile.reference == REFERENCE))
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
        return [
            row.reference
            for row in await search(desk.desk.office, Actor("1002", AccountRole.OPERATOR, "1002"), text, Unshown())
        ]

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


async def test_a_change_while_the_database_is_away_is_said_to_be_done_and_is_made_once_it_is_back(
    desk: TestDesk, browser: Browser, sqlite_url: str
) -> None:
    form = await opened(browser)
    there, desk.desk.office.engine = desk.desk.office.engine, async_engine(f"{sqlite_url}.gone/hatif.db")
    try:
        answer = await browser.post(f"/case/file/{REFERENCE}", {**form, "state": "ready"}, {"HX-Request": "true"})
        assert answer.status == 503 and "That is done, but the page cannot be shown" in answer.text
        assert answer.headers["HX-Retarget"] == "#notices", "the form stays as it is"
        again = await browser.post(f"/case/file/{REFERENCE}", {**form, "state": "ready", "post": "Lyon"})
        assert again.status == 503
        noted = await browser.post(f"/case/file/{REFERENCE}/note", {"text": "They called."})
        assert noted.status == 503
        made = await browser.post(
            "/case/new", {"title": "A visa", "topic": "travel", "language": "fr", "country": "FR"}
        )
        assert made.status == 200 and "Read out:" in made.text, "it needs no database, and its PIN is shown only now"
    finally:
        assert desk.desk.office.engine is not None
        await desk.desk.office.engine.dispose()
        desk.desk.office.engine = there
    assert (await kept(desk)).file.state == "open"
    assert (await deliver_all(desk.journal, sqlite_url)).rejected == 0
    case = await kept(desk)
    assert (case.file.state, case.file.post, case.file.version) == ("ready", "Lyon", 3)
    assert case.notes[-1].text == "They called."
    assert len(await search(desk.desk.office, Actor("1002", AccountRole.OPERATOR, "1002"), "A visa", Unshown())) == 1


async def test_whether_a_pin_was_given_is_in_doubt_if_nobody_confirms_it(desk: TestDesk, browser: Browser) -> None:
    def lost(_: object) -> None:
        raise ConnectionResetError("the connection was lost")

    await opened(browser)
    event.listen(desk.engine.sync_engine, "commit", lost)
    try:
        answer = await browser.post(f"/case/file/{REFERENCE}/pin")
    finally:
        event.remove(desk.engine.sync_engine, "commit", lost)
    assert answer.status == 503 and "it may have been done. Look before you do it again." in answer.text


async def test_a_visitor_and_somebody_whose_role_has_changed_may_not_touch_a_case(desk: TestDesk) -> None:
    await desk.account("guest", AccountRole.VISITOR)
    guest = await desk.signed_in("guest", "en")
    assert (await guest.post(f"/case/file/{REFERENCE}/note", {"text": "A note."})).status == 403
    with pytest.raises(NotAllowedError):
        await note(desk.desk.office, Actor("guest", AccountRole.VISITOR), REFERENCE, "A note.", Unshown())
    assert len((await kept(desk)).notes) == 1
