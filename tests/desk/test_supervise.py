"""What supervisors change on their page is asked of the line in their name; operators may not. Help shows who."""

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from controller import StandIn, call, operator, standing_in
from desk_server import TestDesk, serving
from test_board import entry, reads

from db.enums import AccountRole
from wire.live import CallerMove, LanguagesChanged, OperatorCall

pytest_plugins = ["db_fixtures"]

CALL = "01935d2c-0000-7000-8000-000000000001"


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await found.operator("1040", supervisor=True)
        await controller.followed(found)
        yield found


def asked(controller: StandIn) -> list[tuple[str, str, Any]]:
    """Return what was asked for by the supervisor, without what only reads."""
    return [(method, path, body) for method, path, who, body in controller.asked if method != "GET" and who == "1040"]


async def test_everything_on_the_page_is_asked_in_the_supervisors_name(desk: TestDesk, controller: StandIn) -> None:
    browser = await desk.signed_in("1040", "en")
    changes: list[tuple[str, dict[str, str], tuple[str, str, Any]]] = [
        ("listen", {"operator": "1002", "mode": "whisper"},
         ("POST", "/supervision", {"supervisor": "1040", "operator": "1002", "mode": "whisper", "answers": True})),
        ("operator/1002/state", {"state": "paused", "reason": "lunch"},
         ("POST", "/operators/1002/state", {"state": "paused", "reason": "lunch"})),
        ("operator/1002/languages", {"level-ar": "2", "level-fr": "4", "level-nl": "0", "first": "fr", "level-xx": "5"},
         ("PUT", "/operators/1002/languages", {"languages": {"fr": 4, "ar": 2}})),
        ("operator/1002/languages", {}, ("PUT", "/operators/1002/languages", {"languages": None})),
        (f"caller/{CALL}/move", {"to": "front:"}, ("POST", f"/calls/{CALL}/move", {"front": True})),
        (f"caller/{CALL}/move", {"to": "language:nl"}, ("POST", f"/calls/{CALL}/move", {"language": "nl"})),
        (f"caller/{CALL}/move", {"to": "operator:1003"}, ("POST", f"/calls/{CALL}/move", {"operator": "1003"})),
        ("help/1002/settle", {}, ("DELETE", "/operators/1002/help", None)),
    ]  # fmt: skip
    for path, form, wanted in changes:
        answer = await browser.post(f"/supervise/{path}", form)
        assert answer.status == 204, (path, answer.text)
        assert asked(controller)[-1] == wanted
        if path != "listen":
            assert answer.headers["HX-Trigger"] == "hatif:done"
    for path, form in (
        (f"caller/{CALL}/move", {"to": "nowhere:x"}),
        (f"caller/{CALL}/move", {"to": "language:../x"}),
        ("caller/../move", {"to": "front:"}),
        ("operator/1002/state", {"state": "talking"}),
        ("listen", {"operator": "1002", "mode": "spy"}),
    ):
        await browser.get("/account")  # an error's page has no token
        assert (await browser.post(f"/supervise/{path}", form)).status in (404, 405, 422), path
    assert len(asked(controller)) == len(changes)


async def test_the_line_is_forced_open_or_closed_and_a_text_announced_with_a_reason(
    desk: TestDesk, controller: StandIn
) -> None:
    browser = await desk.signed_in("1040", "en")
    hours = {"open": True, "until": "2026-11-28T20:00:00Z", "why": "the plan", "forced": False}
    controller.answers["/hours"] = (200, hours)
    controller.answers["/announcement"] = (200, {"text": None, "texts": ["emergency"]})
    page = (await browser.get("/supervise/line")).text
    assert "Force closed" in page and "Emergency" in page and "By the plan again" not in page
    controller.answers["/hours"] = (200, {**hours, "open": False, "forced": True, "why": "Flood <here>"})
    page = (await browser.post("/supervise/line/hours", {"force": "closed", "why": "Flood <here>"})).text
    assert asked(controller)[-1] == ("POST", "/hours", {"force": "closed", "why": "Flood <here>"})
    assert "By the plan again" in page and "Flood &lt;here&gt;" in page
    controller.answers["/announcement"] = (200, {"text": "emergency", "texts": ["emergency"]})
    page = (await browser.post("/supervise/line/announcement", {"text": "emergency", "why": "flood"})).text
    assert asked(controller)[-1] == ("PUT", "/announcement", {"text": "emergency", "why": "flood"})
    assert "Announce nothing" in page
    await browser.post("/supervise/line/announcement", {"text": ""})
    assert asked(controller)[-1][2] == {"text": None, "why": ""}


@pytest.mark.parametrize(
    ("path", "form", "code", "words"),
    [
        ("listen", {"operator": "1002"}, "not_talking", "They are not in a conversation any more."),
        ("listen", {"operator": "1002"}, "not_registered", "Your telephone cannot be rung."),
        (f"caller/{CALL}/move", {"to": "front:"}, "not_waiting", "This caller does not wait any more."),
        (f"caller/{CALL}/move", {"to": "operator:1003"}, "away", "That operator is not on shift."),
    ],
)
async def test_a_refusal_is_a_sentence_in_the_persons_language(
    desk: TestDesk, controller: StandIn, path: str, form: dict[str, str], code: str, words: str
) -> None:
    browser = await desk.signed_in("1040", "en")
    there = "/supervision" if path == "listen" else f"/calls/{CALL}/move"
    controller.once[there] = (409, {"detail": "No.", "code": code})
    answer = await browser.post(f"/supervise/{path}", form)
    assert answer.status == 409 and words in answer.text


async def test_help_shows_who_asks_why_and_in_which_call(desk: TestDesk, controller: StandIn) -> None:
    talking = call("c1", state="talking", language="nl", country="BE", operator="1002", place="together")
    of = OperatorCall(id="c1", language="nl", caller="+33612345678", place="together")
    controller.set(
        operator("1002", "talking", call=of, help_since=time.time(), help_why="They <shout>."), calls=[talking]
    )
    browser = await desk.signed_in("1040", "en")
    text = await reads(browser, "/live/supervise", "Operator 1002 asks for help", "They &lt;shout&gt;.", "Settled")
    part = text.rpartition('id="help"')[2].partition('id="talks"')[0]
    assert "They &lt;shout&gt;." in part and "Dutch" in part and "Belgium" in part and "+33" not in part
    assert re.search(r'data-rings="1002:\d+ "', part)
    assert part.count('"mode": "') == 3


async def test_callers_are_listed_with_their_moves_and_operators_with_changed_languages(
    desk: TestDesk, controller: StandIn
) -> None:
    controller.queue = [entry(1, "fr", 9), entry(2, "ar", 5, callback="k1", call="k1")]
    moved = call("waiter-1", language="nl", move=CallerMove(front=True, language="fr", operator="1003"))
    changed = LanguagesChanged(by="1040", at=1.0, listed={"ar": 5})
    controller.set(operator("1002", languages={"fr": 4}, languages_changed=changed), calls=[moved])
    browser = await desk.signed_in("1040", "en")
    text = await reads(
        browser,
        "/live/supervise",
        "waiter-1",
        "(speaks Dutch)",
        "at the front for",
        "call back",
        'class="codes changed"',
    )
    waiting = text.rpartition('id="supervise-waiting"')[2].partition("</section>")[0]
    assert "at the front for Operator 1003" in waiting and "call back" in waiting
    assert waiting.count("/supervise/caller/") == 1  # nobody on the line can be moved for a call-back
    assert 'class="codes changed"' in text
    form = (await browser.get("/supervise/operator/1002")).text
    assert "As in the list again" in form and "<option selected>4</option>" in form
    assert (await browser.get("/supervise/operator/1999")).status == 404
    assert (await browser.get(f"/supervise/caller/{CALL}")).status == 409  # no such caller any more


async def test_an_operator_asks_for_help_and_may_not_do_what_supervisors_do(
    desk: TestDesk, controller: StandIn
) -> None:
    browser = await desk.signed_in("1002", "en")
    assert (await browser.post("/call/help", {"why": " The caller shouts. "})).status == 204
    assert controller.asked[-1][:2] == ("POST", "/operators/1002/help")
    assert controller.asked[-1][3] == {"why": "The caller shouts."}
    controller.connect("1002", identity=CALL)
    await controller.seen(desk)
    controller.once[f"/calls/{CALL}/consult"] = (409, {"detail": "Nobody.", "code": "away"})
    answer = await browser.post("/call/hand-on", {"how": "consult", "to": "supervisor:"})
    assert answer.status == 409 and "All of them have been asked for help" in answer.text
    assert controller.asked[-1] == ("POST", "/operators/1002/help", "1002", {"why": ""})
    await browser.get("/account")
    for path in ("/supervise", "/live/supervise", "/recordings", "/board", "/supervise/line"):
        assert (await browser.get(path)).status == 403, path
    assert (await browser.post("/supervise/listen", {"operator": "1040"})).status == 403


async def test_an_administrator_without_a_telephone_is_told_so(desk: TestDesk, controller: StandIn) -> None:
    await desk.account("office", AccountRole.ADMINISTRATOR)
    browser = await desk.signed_in("office", "fr")
    page = await browser.get("/supervise")
    assert page.status == 200 and "telephone.js" not in page.text
    answer = await browser.post("/supervise/listen", {"operator": "1002"})
    assert answer.status == 409 and "pas de téléphone" in answer.text
