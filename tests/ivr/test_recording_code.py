"""The code that pauses a recording and goes on with it, from any telephone; what is recorded is tested by telephone."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_talk_breaks import LEG, LINE, SentMessages

from ivr.asterisk.ari import events, operations
from ivr.audio.audible import Media
from ivr.call import conversation_recording
from ivr.call.call import Call
from ivr.call.interruptions import CallerGone
from ivr.call.leg import Leg
from ivr.codes import talk_codes
from ivr.codes.code_call import CodeRefused
from ivr.model.talk_table import Talk
from ivr.talk.conversation import Conversation
from ivr.talk.operator_requests import Act, Refusal

RECORDING = f"{conversation_recording.PREFIX}{LEG.id}"


class Asterisk(SentMessages):
    """An Asterisk that records the conversation; it does whatever it is asked for."""

    async def ask(self, *requests: operations.Request) -> list[SimpleNamespace]:
        self.asked += requests
        return [SimpleNamespace(ok=True, status=200, body={}) for _ in requests]

    def about_recording(self) -> list[str]:
        return [f"{request.method} {request.uri}" for request in self.asked if RECORDING in request.uri]

    def told(self) -> list[str]:
        """Return the texts that the operator has heard."""
        playing = [dict(request.query)["media"] for request in self.asked if f"{LEG.id}/play" in request.uri]
        return [media.removeprefix("sound:") for media in playing]


async def dial(recording: Any, keys: str) -> tuple[Asterisk, Call, list[str]]:
    """Press keys in a conversation; return what Asterisk was asked for, the call, and its events."""
    asterisk = Asterisk()
    call = asterisk.call()
    services: Any = call.services
    services.audible = SimpleNamespace(
        find=lambda _, clip: SimpleNamespace(file=clip[1]), media=lambda _, clips: Media((), 0.0, tuple(clips))
    )
    call.version, call.recording = cast(Any, SimpleNamespace(sounds=None)), recording
    recorded: list[str] = []
    services.recorder.call_event.side_effect = lambda _, kind, *__, **___: recorded.append(kind)
    for key in keys:
        call.deliver(events.ChannelDtmfReceived(LEG, key))
    conversation = asyncio.create_task(Conversation(call, Leg(LEG.id, "1001"), Talk(LEG.id)).run(begins=False))
    for _ in range(20):
        await asyncio.sleep(0)
    recording = call.recording
    for gone in (LINE, LEG):
        call.deliver(events.ChannelDestroyed(gone, 16))
    with pytest.raises(CallerGone):
        await conversation
    call.flush_events()
    call.recording = recording
    return asterisk, call, recorded


@pytest.mark.parametrize(
    ("recording", "keys", "then", "asked", "told"),
    [
        ("on", "*34", "paused", ["POST"], ["talk_recording_paused"]),
        ("paused", "*34", "on", ["DELETE"], ["talk_recording_on"]),
        ("on", "*34*34", "on", ["POST", "DELETE"], ["talk_recording_paused", "talk_recording_on"]),
        (None, "*34", None, [], ["talk_not_now"]),
    ],
)
async def test_the_code_pauses_the_recording_or_goes_on_and_the_operator_hears_which(
    recording: Any, keys: str, then: Any, asked: list[str], told: list[str]
) -> None:
    asterisk, call, recorded = await dial(recording, keys)
    pauses = [entry for entry in asterisk.about_recording() if entry.endswith("/pause")]
    assert pauses == [f"{method} recordings/live/{RECORDING}/pause" for method in asked]
    assert (call.recording, asterisk.told()) == (then, told)
    words = {"POST": "recording_paused", "DELETE": "recording_resumed"}
    assert [kind for kind in recorded if kind.startswith("recording_")] == [words[method] for method in asked]


@pytest.mark.parametrize("recording", ["paused", "on", None])
async def test_on_another_line_the_code_says_what_it_did_or_why_not(recording: Any) -> None:
    said: list[str] = []
    asked: list[Act] = []

    async def ask(_: object, act: Act, *__: object, **___: object) -> Refusal | None:
        asked.append(act)
        return None if recording is not None else Refusal.NOT_NOW

    async def say(text: str) -> None:
        said.append(text)

    code: Any = SimpleNamespace(
        name="recording", argument="", resumed=False, operator=SimpleNamespace(id="1001"), say=say,
        conversation=SimpleNamespace(recording=recording),
        connection=SimpleNamespace(requests=SimpleNamespace(ask=ask)),
    )  # fmt: skip
    if recording is None:
        with pytest.raises(CodeRefused, match="talk_not_now"):
            await talk_codes.in_conversation(code)
    else:
        await talk_codes.in_conversation(code)
        assert said == [f"talk_recording_{recording}"]
    assert asked == [Act.PAUSE_RECORDING]
