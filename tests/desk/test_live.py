"""What is live reaches the pages of those whom it concerns, in their language, and nothing waits for a browser."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from controller import StandIn, operator, standing_in, waiter
from desk_server import Browser, TestDesk, serving

from desk.live import hub, routes
from desk.page.pages import Pages
from desk.people import accounts, sessions
from wire.live import Alarm, AlarmKind, OperatorCallback

pytest_plugins = ["db_fixtures"]

NOW_S = 1.0
"""Within this time a change must be on its way, on a busy machine; the bench has what it really takes."""


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await found.operator("1003")
        await controller.followed(found)
        yield found


async def until(true: Any, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


class Page:
    """An open page: the last state of each element that the stream sent."""

    def __init__(self, browser: Browser, stream: aiohttp.ClientResponse) -> None:
        self.browser, self._stream = browser, stream
        self.elements: dict[str, str] = {}
        self.ended = False
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        event, data = "", []
        async for line in self._stream.content:
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                event = text[7:]
            elif text.startswith("data: "):
                data.append(text[6:])
            elif not text and event:
                if event == "patch":
                    for element in re.split(r"(?=<(?:section|li|p) id=)", "\n".join(data))[1:]:
                        found = re.search(r'id="([\w-]+)"', element)
                        assert found is not None, element
                        self.elements[found[1]] = element
                event, data = "", []
        self.ended = True

    async def has(self, element: str, *words: str, seconds: float = NOW_S) -> str:
        """Wait until an element has these words; return it."""

        def there() -> bool:
            found = self.elements.get(element)
            return found is not None and all(word in found for word in words)

        try:
            await until(there, seconds)
        except TimeoutError:
            raise AssertionError(f"{words} not in {self.elements.get(element)}") from None
        return self.elements[element]

    async def close(self) -> None:
        self._stream.close()
        self._reading.cancel()
        await asyncio.wait({self._reading})


async def opened(desk: TestDesk, account: str = "1002", language: str = "en") -> Page:
    browser = await desk.signed_in(account, language)
    stream = await browser.stream("/live/operator")
    assert stream.status == 200
    page = Page(browser, stream)
    await page.has("call")
    return page


async def test_an_offer_is_on_the_page_of_that_operator_only(desk: TestDesk, controller: StandIn) -> None:
    page, other = await opened(desk), await opened(desk, "1003")
    waiting = controller.offer("1002", case="100000012").since
    offer = await page.has(
        "call", 'data-phase="offered"', "French", "Documents", "France", "+33612345678", "100-000-012"
    )
    assert re.search(f'waiting <time class="clock" data-since="{waiting:.3f}">', offer)
    assert 'data-announce="Incoming call: French, Documents"' in offer
    await page.has("state", "is-offered")
    await other.has("colleague-1002", "is-offered")
    assert 'data-phase="none"' in other.elements["call"]
    await page.close()
    await other.close()


async def test_the_way_through_the_menus_is_on_the_page_in_words(desk: TestDesk, controller: StandIn) -> None:
    page = await opened(desk)
    for phase, show in (("offered", controller.offer), ("talking", controller.connect)):
        show("1002", choices=["main_documents", "documents_passport"])
        shown = await page.has("call", f'data-phase="{phase}"', "Way through the menus")
        assert re.search("Main documents.*Documents passport", shown, re.DOTALL)
    await page.close()


async def test_a_call_back_is_on_the_page_from_the_ringing_on(desk: TestDesk, controller: StandIn) -> None:
    page = await opened(desk)
    members: dict[str, Any] = {"call": "c-1", "number": "+33612345678", "country": "FR", "language": "fr"}
    request = OperatorCallback(id="r-1", topic="documents", case="100000012", caller_rings=False, **members)
    controller.set(operator("1002", "offered", callback=request))
    await page.has("call", 'data-phase="offered"', "Call back", "French", "+33612345678", "100-000-012")
    await page.has("call-bar", 'data-phase="offered"', "Call now", "+33612345678", 'data-key="F2"')
    assert 'data-announce="Call back: French, Documents"' in page.elements["call"]
    controller.set(operator("1002", "offered", callback=replace(request, caller_rings=True)))
    await page.has("call", 'data-phase="calling"', "The caller is being called")
    controller.connect("1002", identity="c-1")
    await page.has("call", 'data-phase="talking"')
    await page.close()


async def test_each_page_has_its_persons_language(desk: TestDesk, controller: StandIn) -> None:
    french, arabic = await opened(desk, language="fr"), await opened(desk, language="ar")
    controller.offer()
    await french.has("call-bar", "français", "Répondre")
    await arabic.has("call-bar", "الفرنسية", "الرد")
    await french.close()
    await arabic.close()


async def test_a_fragment_is_rendered_once_for_all_who_have_the_same_language(
    desk: TestDesk, controller: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [await opened(desk, account, language) for account in ("1002", "1003") for language in ("fr", "en")]
    pages += [await opened(desk, "1003", "en")]
    rendered: list[tuple[str, str]] = []
    original = Pages.fragment

    def counted(self: Pages, language: Any, template: str, **values: Any) -> str:
        rendered.append((template, language.code))
        return original(self, language, template, **values)

    monkeypatch.setattr(Pages, "fragment", counted)
    controller.set(operator("1040", "paused", reason="lunch", supervisor=True))
    for page in pages:
        await page.has("colleague-1040", "is-paused")
    assert sorted(rendered) == sorted(
        (template, code) for template in ("shift/colleague.html", "call/target.html") for code in ("en", "fr")
    )
    for page in pages:
        await page.close()


async def test_the_page_shows_the_conversation_and_the_colleague_in_it(desk: TestDesk, controller: StandIn) -> None:
    page, helper = await opened(desk), await opened(desk, "1003")
    controller.connect("1002")
    await page.has("call-bar", 'data-phase="talking"', '"act": "hold"', 'data-opens="hand-on"')
    controller.connect("1002", place="hold")
    await page.has("call-bar", "On hold", '"act": "unhold"')
    controller.connect("1002", place="gone")
    await page.has("call", "You are being connected again; the caller was asked to wait")
    assert '"act": "hold"' not in await page.has("call-bar") and '"act": "hang_up"' not in page.elements["call-bar"]
    call = controller.connect("1002", place="consult")
    controller.join("1003", call, "offered")
    assert '"act": "swap"' not in await page.has("call", "Calling Operator 1003")
    controller.join("1003", call)
    await page.has("call", "You talk with Operator 1003; the caller waits.", '"act": "complete"', '"act": "swap"')
    await helper.has("call", 'data-phase="helping"', "You help Operator 1002")
    controller.set(operator("1002", "wrapping_up", until=time.time() + 20), operator("1003"), calls=[])
    await page.has("call", 'data-phase="none"')
    await page.has("call-bar", "is-wrapping_up", "data-until=", '"change": "more"', "Save and ready")
    await page.close()
    await helper.close()


async def test_a_recording_is_shown_and_paused(desk: TestDesk, controller: StandIn) -> None:
    page = await opened(desk)
    controller.connect("1002")
    assert "record" not in await page.has("call", 'data-phase="talking"')
    for state, word, act, path in (
        ("on", "This call is recorded", "pause_recording", "pause"),
        ("paused", "The recording is paused", "resume_recording", "resume"),
    ):
        controller.connect("1002", recording=state)
        await page.has("call", word, f'"act": "{act}"')
        assert (await page.browser.post("/call/act", {"act": act})).status == 204
        assert controller.asked[-1] == ("POST", f"/calls/call-1/recording/{path}", "1002", {"operator": "1002"})
    await page.close()


async def test_the_queue_is_shown_by_language(desk: TestDesk, controller: StandIn) -> None:
    page = await opened(desk)
    controller.queue = [waiter(place, code, time.time() - 60) for place, code in enumerate(("fr", "nl", "fr"), 1)]
    controller.changed.set()
    queue = await page.has("queue", "French", "Dutch")
    assert re.findall(r'class="count[ a-z]*">(\d+)<', queue) == ["3", "2", "1"]
    await page.close()


async def test_the_page_says_when_the_line_is_down_and_when_the_controller_is_away(sqlite_url: str) -> None:
    async with standing_in() as controller:
        port = controller.port
        async with serving(sqlite_url, port) as desk:
            await desk.operator("1002")
            page = await opened(desk)
            await page.has("line", "is-up")
            controller.alarms = [Alarm(id="ari_down", kind=AlarmKind.ARI_DOWN, text="no Asterisk")]
            controller.changed.set()
            await page.has("line", "is-down")
            controller.alarms = []
            controller.changed.set()
            await page.has("line", "is-up")
            await page.close()
    # Another desk, whose controller ends and comes back.
    async with serving(sqlite_url, port) as desk:
        page = await opened(desk)
        await page.has("line", "is-down")
        await page.has("state", "is-unknown", "The line does not answer")
        assert "not on shift" not in await page.has("call", "The line does not answer")
        answer = await page.browser.post("/shift/state", {"state": "ready"})
        assert answer.status == 503 and "does not answer" in answer.text
        async with standing_in(port=port):
            await page.has("line", "is-up", seconds=5)
            await page.has("state", "is-ready")
        await page.has("line", "is-down", seconds=5)
        await page.close()


async def test_an_operator_changes_their_own_state_in_their_own_name(desk: TestDesk, controller: StandIn) -> None:
    page = await opened(desk)
    browser = page.browser
    assert (await browser.post("/shift/state", {"state": "paused", "reason": "lunch"})).status == 204
    assert (await browser.post("/shift/wrap-up", {"change": "more"})).status == 204
    assert controller.asked == [
        ("POST", "/operators/1002/state", "1002", {"state": "paused", "reason": "lunch"}),
        ("POST", "/operators/1002/wrap_up", "1002", {"change": "more"}),
    ]
    for form in ({"state": "talking"}, {"state": "paused", "reason": "Quatsch!"}, {}):
        assert (await browser.post("/shift/state", form)).status == 422
    controller.answers["/operators/1002/wrap_up"] = (409, {"detail": "Operator 1002 is not wrapping up: …"})
    answer = await browser.post("/shift/wrap-up", {"change": "end"})
    assert answer.status == 409 and "not wrapping up any more" in answer.text
    controller.answers["/operators/1002/wrap_up"] = (409, {"detail": "…", "code": "longest"})
    answer = await browser.post("/shift/wrap-up", {"change": "more"})
    assert answer.status == 409 and "cannot be extended any further" in answer.text
    await page.close()


async def test_what_an_operator_asks_for_goes_to_their_own_call(desk: TestDesk, controller: StandIn) -> None:
    page = await opened(desk)
    browser = page.browser
    controller.connect("1002")
    await page.has("call", 'data-phase="talking"')
    assert (await browser.post("/call/act", {"act": "hold"})).status == 204
    assert (await browser.post("/call/hand-on", {"how": "consult", "to": "operator:1003"})).status == 204
    assert (await browser.post("/call/act", {"act": "hang_up"})).status == 204
    answer = await browser.post("/call/hand-on", {"how": "transfer", "to": "supervisor:"})
    assert answer.status == 204 and answer.headers["HX-Trigger"] == "hatif:done"
    assert controller.asked == [
        ("POST", "/calls/call-1/hold", "1002", None),
        ("POST", "/calls/call-1/consult", "1002", {"operator": "1003"}),
        ("POST", "/calls/call-1/hang_up", "1002", {"operator": "1002"}),
        ("POST", "/calls/call-1/transfer", "1002", {"supervisor": True}),
    ]
    for form in ({"how": "transfer", "to": "number:+49"}, {"how": "steal", "to": "topic:x"}, {"how": "transfer"}):
        assert (await browser.post("/call/hand-on", form)).status == 422
    controller.answers["/calls/call-1/transfer"] = (409, {"detail": "None of them …", "code": "away"})
    refused = await browser.post("/call/hand-on", {"how": "transfer", "to": "language:nl"})
    assert refused.status == 409 and "None of them can take a call now." in refused.text
    await page.close()


async def test_a_colleague_in_a_call_cannot_do_anything_with_its_caller(desk: TestDesk, controller: StandIn) -> None:
    helper = await opened(desk, "1003")
    controller.join("1003", controller.connect("1002", place="consult"))
    await helper.has("call", 'data-phase="helping"')
    for act in ("hold", "complete", "cancel", "swap", "hang_up"):
        assert (await helper.browser.post("/call/act", {"act": act})).status == 409
    assert controller.asked == []
    await helper.close()


async def test_names_and_numbers_are_shown_as_text(desk: TestDesk, controller: StandIn) -> None:
    page = await opened(desk)
    controller.set(operator("1003", name="<script>alert(1)</script>"))
    controller.offer("1002", caller='"><img src=x>', topic="<b>")
    assert "<img" not in await page.has("call", "&lt;img", "&lt;b&gt;")
    assert "<script" not in await page.has("colleague-1003", "&lt;script&gt;")
    await page.close()


async def test_a_stream_ends_with_its_session(
    desk: TestDesk, controller: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "CHECK", timedelta())
    monkeypatch.setattr(sessions, "KNOWN_S", 0)
    page = await opened(desk)
    await accounts.set_disabled(desk.engine, "1002", True, desk.desk.now())
    controller.offer()
    await until(lambda: page.ended)
    assert (await page.browser.get("/live/operator")).status == 401
    await page.close()


async def test_a_browser_that_falls_behind_is_cut_and_begins_again(
    desk: TestDesk, controller: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BEHIND", 1)
    follows = desk.app.state.hub.follow(desk.desk.pages.languages["en"], "1002", desk.desk.now)
    await anext(follows)
    await anext(follows)
    for state in ("paused", "ready", "paused"):
        controller.set(operator("1002", state))
        await until(lambda state=state: desk.app.state.hub.picture.operators["1002"].state == state)
        await asyncio.sleep(0.02)
    with pytest.raises(StopAsyncIteration):
        while True:
            await anext(follows)
    page = await opened(desk)
    await page.has("state", "is-paused")
    await page.close()


async def test_the_whole_page_has_what_the_stream_will_change(desk: TestDesk, controller: StandIn) -> None:
    controller.offer()
    await until(lambda: desk.app.state.hub.picture.calls)
    browser = await desk.signed_in("1002")
    page = (await browser.get("/shift")).text
    stream = await opened(desk)
    assert set(stream.elements) <= set(re.findall(r'id="([\w-]+)"', page))
    assert 'data-phase="offered"' in page
    await stream.close()


async def test_a_sign_in_gets_the_password_of_its_telephone_and_gives_it_back(
    desk: TestDesk, controller: StandIn
) -> None:
    browser = await desk.signed_in("1002")
    controller.answers["/operators/1002/web_telephone"] = (
        200,
        {"user": "1002-web", "endpoint": "1002-web", "password": "secret"},
    )
    for take in (False, True):
        answer = await browser.send("/telephone/credential", {"take": take})
        assert answer.status == 200 and "secret" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
    (_, _, actor, first), (_, _, _, second) = controller.asked
    assert actor == "1002" and first["holder"] == second["holder"] and (first["take"], second["take"]) == (False, True)
    assert first["lasts_s"] <= 24 * 3600
    other = await desk.signed_in("1002")
    controller.answers["/operators/1002/web_telephone"] = (409, {"detail": "…", "code": "telephone_in_use"})
    refused = await other.send("/telephone/credential", {})
    assert refused.status == 409 and "telephone_in_use" in refused.text
    assert controller.asked[-1][3]["holder"] != first["holder"]
    assert (await other.send("/telephone/credential", {"take": "perhaps"})).status == 422
    await browser.post("/sign-out")
    assert controller.asked[-1][:2] == ("DELETE", "/operators/1002/web_telephone")
