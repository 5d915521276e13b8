"""Training on the page *Try the line*: an operator is called by a scripted caller, for themselves and nobody else."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from controller import StandIn, call, operator, standing_in
from desk_server import TestDesk, serving

from db.enums import AccountRole
from desk.live.picture import Picture
from desk.try_line.training import training

pytest_plugins = ["db_fixtures"]

TITLE = {"en": "A passport is lost", "ar": "جواز سفر ضاع"}
SCRIPT = {"name": "lost_passport", "title": TITLE, "language": "fr", "country": "FR", "caller": "", "sentences": 4}


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers["/training"] = (200, {"scripts": [SCRIPT], "callers": []})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, has_try=True)
        await found.operator("1002")
        await found.account("visitor", AccountRole.VISITOR)
        await controller.followed(found)
        yield found


async def test_an_operator_is_called_ends_it_and_is_ready_again(desk: TestDesk, controller: StandIn) -> None:
    browser = await desk.signed_in("1002", "en")
    page = (await browser.get("/try")).text
    assert 'value="lost_passport"' in page and "A passport is lost · French" in page
    for path, body in (("", {"script": "lost_passport"}), ("/end", {}), ("/ready", {})):
        assert (await browser.post(f"/try/training{path}", body)).status == 204
    changes = [asked for asked in controller.asked if asked[0] != "GET"]
    assert changes == [
        ("POST", "/operators/1002/training", "1002", {"script": "lost_passport"}),
        ("DELETE", "/operators/1002/training", "1002", None),
        ("POST", "/operators/1002/state", "1002", {"state": "ready"}),
    ]
    assert (await browser.post("/try/training", {"script": "../secrets"})).status == 422


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (409, "busy", "You are in a call."),
        (409, "already", "A scripted caller calls you already."),
        (409, "no_telephone", "Your telephone is not there."),
        (409, "no_audio", "has no audio yet"),
        (503, "all_in_use", "Others are in training at the moment."),
        (404, None, "There is no such caller any more."),
    ],
)
async def test_why_nobody_can_call_is_said_in_words(
    desk: TestDesk, controller: StandIn, status: int, code: str | None, sentence: str
) -> None:
    browser = await desk.signed_in("1002", "en")
    controller.once["/operators/1002/training"] = (status, {"detail": "no", "code": code})
    answer = await browser.post("/try/training", {"script": "lost_passport"})
    assert answer.status == 409 and sentence in answer.text


async def test_nobody_is_asked_to_help_with_a_scripted_caller(desk: TestDesk, controller: StandIn) -> None:
    browser = await desk.signed_in("1002", "en")
    controller.once["/operators/1002/help"] = (409, {"detail": "no", "code": "in_training"})
    answer = await browser.post("/call/help", {"why": "He shouts"})
    assert answer.status == 409 and "This is training: no supervisor is asked." in answer.text


async def test_a_visitor_tries_the_line_and_trains_nobody(desk: TestDesk) -> None:
    visitor = await desk.signed_in("visitor", "en")
    page = await visitor.get("/try")
    assert page.status == 200 and "lost_passport" not in page.text
    assert (await visitor.post("/try/training", {"script": "lost_passport"})).status == 403


async def test_the_page_follows_the_training(desk: TestDesk, controller: StandIn) -> None:
    picture: Picture = desk.app.state.hub.picture
    assert training(picture, None) is None

    async def stage(state: str, *, trains: bool, up: bool, reason: str | None = None) -> str:
        calls = [call("trained", training="1002")] if up else []
        controller.set(operator("1002", state, training=trains, reason=reason), calls=calls)
        await controller.seen(desk)
        found = training(picture, "1002")
        assert found is not None
        return str(found["stage"])

    assert await stage("paused", trains=False, up=True, reason="training") == "calling"
    assert await stage("paused", trains=False, up=False, reason="training") == "paused"
    assert await stage("ready", trains=False, up=True) == "calling"
    assert await stage("talking", trains=True, up=False) == "paused"
