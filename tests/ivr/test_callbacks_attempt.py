"""One attempt to call somebody back, with telephones that act by a script: what an operator hears, and how it ends."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from test_callbacks_states import new_request
from trial_stage import OPEN, nobody_keeps, openings, stage

from db.callback_requests import NOT_ASKED, CallbackRequest, Claim
from db.enums import CallbackKind, TryOutcome
from db.ids import uuid7
from ivr.asterisk.ari import events
from ivr.asterisk.ari.link import Response
from ivr.asterisk.ari.operations import Request
from ivr.callbacks.attempt import Attempt
from ivr.callbacks.call_legs import CallLeg
from ivr.callbacks.channels import channel_of
from ivr.callbacks.progress import Progress
from ivr.model import clock, floor_protocol
from ivr.records.limit_counts import Limit
from ivr.site.operators import OperatorEntry
from routing.states import OfferState

OFFER = str(uuid7())


class Telephones:
    """A link. A channel that is dialled is up at once if it has keys, and each prompt is answered by the next of them.

    When `dialled` is dialled, `then` is done.
    """

    def __init__(self, keys: dict[str, str], dialled: str = "", then: Callable[[], None] = lambda: None) -> None:
        self.keys = {channel: list(pressed) for channel, pressed in keys.items()}
        self.dialled, self.then = dialled, then
        self.attempt: Any = None
        self.heard: dict[str, list[str]] = {}
        self.ended: list[str] = []

    async def send(self, *requests: Request, refused: object = None) -> None:
        for request in requests:
            kind, *names = request.uri.split("/")
            query = dict(request.query)
            if (kind, names) == ("channels", ["create"]):
                channel = query["channelId"]
                if channel == self.dialled:
                    self.then()
                elif channel in self.keys:
                    self.attempt.deliver(events.ChannelStateChange(events.ChannelState(channel, "Up")))
            elif kind == "channels" and names[1:2] == ["play"]:
                self.heard.setdefault(names[0], []).extend(query["media"].split(","))
                if self.keys.get(names[0]):
                    self.attempt.deliver(
                        events.ChannelDtmfReceived(events.ChannelRef(names[0]), self.keys[names[0]].pop(0))
                    )
            elif kind == "channels" and request.method == "DELETE":
                self.hang_up(names[0])

    async def ask(self, *requests: Request) -> list[Response]:
        return [Response(404, None) for _ in requests]

    def hang_up(self, channel: str) -> None:
        self.ended.append(channel)
        self.attempt.deliver(events.ChannelDestroyed(events.ChannelRef(channel), 16))


class Requests:
    """The database, which takes everything."""

    claim = Claim("node1", UUID(int=1))

    def __init__(self) -> None:
        self.outcomes: list[TryOutcome | None] = []

    async def move(
        self, before: CallbackRequest, after: CallbackRequest, *, outcome: TryOutcome | None = None, at: object = None
    ) -> bool:
        self.outcomes.append(outcome)
        return after is not before

    async def dial(self, *_: object, **__: object) -> str:
        return "yes"


def attempt(
    phones: Telephones, request: CallbackRequest, people: tuple[OperatorEntry, ...]
) -> tuple[Attempt, Requests, list[floor_protocol.ToFloor]]:
    told: list[floor_protocol.ToFloor] = []
    chosen = stage()
    services: Any = SimpleNamespace(
        site=chosen.site, link=phones, recorder=nobody_keeps(), audible=chosen.audible, to_floor=told.append,
        opening=openings()["forced open"], route=lambda *_: None, address=lambda operator: f"PJSIP/{operator}",
        in_browser=lambda operator: False, operators=people,
    )  # fmt: skip
    connection: Any = SimpleNamespace(services=services, version=chosen.version)
    queue: Any = SimpleNamespace(leave=lambda call: told.append(floor_protocol.Leave(call)), by_call={})
    requests, call = Requests(), str(uuid7())
    offer = floor_protocol.Offer(OFFER, 1, call, "1001", 20.0, None)
    made = Attempt(connection, queue, Progress(services, cast(Any, requests), request, call), offer)
    phones.attempt = made
    return made, requests, told


async def run(made: Attempt) -> None:
    with clock.override(lambda: OPEN):
        await asyncio.wait_for(made.run(), 5)


async def test_an_operator_is_spoken_to_in_their_first_language_or_in_the_sites_if_they_have_left_the_list() -> None:
    site = stage().site
    speaks_dutch = OperatorEntry("1001", "Sample", {"nl": 5, "fr": 3}, frozenset(), False)
    for people, language in (((speaks_dutch,), "nl"), ((), site.languages[0])):
        phones = Telephones({OFFER: "21"})  # declines: later
        made, _, _ = attempt(phones, new_request(), people)
        await run(made)
        assert made.request.reason == "1001: later"
        told = [media.rsplit("/", 2)[-2:] for media in phones.heard[OFFER] if "/callback_" in media]
        assert told[0] == [language, "callback_accept"], people
        assert {heard_in for heard_in, _ in told} == {language}, people


@pytest.mark.parametrize(("keys", "entered"), [("12#3456", "123456"), ("12*", None), ("123456#", "123456")])
async def test_a_pin_in_a_call_that_we_make_needs_all_its_digits_and_is_given_up_by_a_star(
    keys: str, entered: str | None
) -> None:
    made, _, _ = attempt(Telephones({}), new_request(), ())
    made.legs.called = leg = CallLeg(made.progress.services, "called", stage().version, made.legs, "fr", answered=True)
    for key in keys:
        made.deliver(events.ChannelDtmfReceived(events.ChannelRef("called"), key))
    assert await asyncio.wait_for(leg.enter(6, "case_ask_pin"), 3) == entered
    assert not leg.sounding


async def test_a_caller_is_not_rung_any_longer_once_the_operator_has_hung_up_and_the_attempt_counts() -> None:
    request = replace(new_request(), due=OPEN)
    called = channel_of(replace(request, tries=1))
    phones = Telephones({OFFER: "1"}, dialled=called, then=lambda: phones.hang_up(OFFER))
    made, requests, told = attempt(phones, request, ())
    await run(made)
    assert phones.ended == [OFFER, called]
    assert (requests.outcomes[-1], made.request.state, made.request.tries) == (TryOutcome.LOST, "wished", 1)
    freed = [message for message in told if isinstance(message, floor_protocol.Refused)]
    assert [(message.offer, message.state.value) for message in freed] == [(OFFER, "withdrawn")]
    recorder: Any = made.progress.services.recorder
    (row,) = (columns for table, columns in recorder.journal.rows if table == "offer" and "ended" in columns)
    assert (row["id"], row["state"], recorder.counts.offers) == (OFFER, "withdrawn", {OfferState.WITHDRAWN: 1})


@pytest.mark.parametrize(
    ("number", "country", "shown"),
    [
        ("+33612345678", "FR", "+33800212000"),
        ("+31612345678", "NL", "+31800212002"),
        ("+212612345678", "MA", "+80000212000"),  # the line has no number of that country
        ("+441632960000", None, "+80000212000"),
    ],
)
def test_who_is_called_sees_the_lines_own_number_and_not_the_operators(
    number: str, country: str | None, shown: str
) -> None:
    request = replace(new_request(CallbackKind.OPERATOR), number=number, country=country, operator_id="1002")
    made, _, _ = attempt(Telephones({}), request, ())
    body = json.loads(made.progress.create_called("channel").body or "")["variables"]
    assert (body["CALLERID(all)"], body["CONNECTEDLINE(all,i)"]) == (f"<{shown}>", f"<{shown}>")
    assert "1002" not in str({name: value for name, value in body.items() if name != "HATIF"})


@pytest.mark.parametrize(("in_browser", "asked"), [((False, True), True), ((True, False), False)])
async def test_a_click_in_the_browser_that_was_rung_accepts_a_call_back_and_a_telephone_is_asked_for_a_key(
    in_browser: tuple[bool, bool], asked: bool
) -> None:
    """Also if the operator's page comes or goes while the other one rings."""
    request = replace(new_request(), due=OPEN)
    called = channel_of(replace(request, tries=1))
    phones = Telephones({OFFER: "1"}, dialled=called, then=lambda: phones.hang_up(OFFER))
    made, _, _ = attempt(phones, request, ())
    answers = iter(in_browser)
    cast(Any, made)._services.in_browser = lambda _: next(answers)
    await run(made)
    assert any("callback_accept" in media for media in phones.heard.get(OFFER, [])) is asked


@pytest.mark.parametrize("kind", [CallbackKind.WAITING, CallbackKind.CLOSED])
async def test_a_person_who_had_not_asked_for_the_call_says_so_by_a_key_and_the_request_is_over(
    kind: CallbackKind,
) -> None:
    request = replace(new_request(kind), due=OPEN)
    called = channel_of(replace(request, tries=1))
    phones = Telephones({OFFER: "1##", called: "2#"})
    made, requests, told = attempt(phones, request, ())
    await run(made)
    heard = [media.rsplit("/", 1)[-1].split(".")[0] for media in phones.heard[called]]
    said = [text for text in heard if not text.endswith("pause")]
    assert said == ["callback_hello", "callback_speak", "press_1", "callback_not_me", "press_2", "callback_sorry"]
    assert any("callback_not_asked" in media for media in phones.heard[OFFER][-2:])
    assert (made.request.state, made.request.reason) == ("cancelled", NOT_ASKED)
    assert requests.outcomes[-1] is TryOutcome.REACHED
    counts = made.progress.services.recorder.counts.limits
    assert counts.lately().keys() == {Limit.CALLBACKS_NOT_ASKED}
    assert any(isinstance(message, floor_protocol.Refused) for message in told)


async def test_a_fault_in_the_apology_leaves_nobody_in_silence() -> None:
    request = replace(new_request(), due=OPEN)
    called = channel_of(replace(request, tries=1))
    phones = Telephones({OFFER: "1##", called: "2#"})
    made, _, told = attempt(phones, request, ())

    async def fails() -> None:
        raise RuntimeError

    made.progress.not_asked = fails  # type: ignore[method-assign]
    await run(made)
    assert set(phones.ended) == {OFFER, called}
    assert any(isinstance(message, floor_protocol.Refused) for message in told)


async def test_who_is_called_by_an_operator_is_not_asked_whether_they_wanted_it() -> None:
    request = replace(new_request(CallbackKind.OPERATOR), due=OPEN, operator_id="1001")
    called = channel_of(replace(request, tries=1))
    phones = Telephones({OFFER: "1##", called: "22"})
    made, _, _ = attempt(phones, request, ())
    await run(made)
    assert not any("callback_not_me" in media for media in phones.heard[called])
    assert made.request.state == "wished" and made.request.reason == "no_key"


async def test_a_machine_hears_twice_who_calls_and_its_operator_hears_that_nobody_is_there() -> None:
    request = replace(new_request(), due=OPEN)
    called = channel_of(replace(request, tries=1))
    phones = Telephones({OFFER: "1##", called: "**"})  # neither of the two keys
    made, requests, told = attempt(phones, request, ())
    await run(made)
    assert sum("callback_hello" in media for media in phones.heard[called]) == 2
    assert any("callback_nobody" in media for media in phones.heard[OFFER])
    assert (made.request.state, made.request.reason, made.request.tries) == ("wished", "no_key", 1)
    assert requests.outcomes[-1] is TryOutcome.NO_KEY
    assert any(isinstance(message, floor_protocol.Refused) for message in told)
    assert phones.ended == [called, OFFER], "the machine is hung up, then the operator who has heard so"
