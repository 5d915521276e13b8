"""A supervisor hears an operator's conversation, and is heard by the operator only, or by both. Checked by tones."""

import asyncio
import urllib.error
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from levels import longest_silence
from line import Line

from db.audit import audit_entries
from db.engine import async_engine
from ivr.softphone.sound import find, tone_share
from ivr.softphone.telephone import Call, Operator, Telephones

CALLER_HZ, OPERATOR_HZ, SUPERVISOR_HZ = 1310, 1870, 2350
CALLER = "+33612170001"
_HEARD, _NOT_HEARD = 0.15, 0.03
"""Shares of the energy: with one of two tones, and with none."""


@dataclass
class Floor:
    """A caller and an operator who talk, and a paused supervisor; each sends a different tone."""

    line: Line
    caller: Call
    operator: Call  # the operator's side of the conversation
    phone: Operator
    supervisor: Operator
    call: str

    @property
    def language(self) -> str:
        return self.line.spoken_to(self.supervisor.user)

    async def dials(self, code: str, *, keys: str = "") -> Call:
        call = await self.supervisor.dial(code)
        await call.established(5)
        call.tone(SUPERVISOR_HZ)
        if keys:
            await call.press(keys)
        return call

    async def says(self, call: Call, *texts: str, since_s: float = 0.0) -> None:
        await call.hears(self.line.audio(self.language, *texts), since_s=since_s)

    async def audit(self, count: int) -> list[dict[str, Any]]:
        """Return the supervisor's audit records, the oldest first, once there are that many, and why the last ended."""
        engine = async_engine(self.line.database)
        rows: list[dict[str, Any]] = []
        try:
            for _ in range(100):
                found = await audit_entries(engine, 100)
                mine = [entry for entry in found if entry.data.get("supervision") and str(entry.call) == self.call]
                rows = [asdict(entry) for entry in reversed(mine)]
                if len(rows) >= count and rows[-1]["reason"] is not None:
                    return rows
                await asyncio.sleep(0.05)
        finally:
            await engine.dispose()
        raise AssertionError(f"{count} records are to be there, with the end of the last: {rows}")

    async def ends(self) -> None:
        await self.caller.hangup()
        await self.line.story(CALLER)


async def floor(line: Line, telephones: Telephones) -> Floor:
    entry = next(
        operator for operator in line.operators if operator.supervisor and next(iter(operator.languages)) == "fr"
    )
    supervisor = await line.phone(telephones, entry.id)
    line.control("POST", f"/operators/{entry.id}/state", {"state": "paused", "reason": "meeting"})
    await line.until_state(entry.id, "paused")
    phone = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    caller = await line.asks_for_operator(telephones, CALLER)
    operator = await phone.next_call(10)
    await caller.hears_tone(OPERATOR_HZ)
    caller.tone(CALLER_HZ)
    await operator.hears_tone(CALLER_HZ)
    story = await line.story(CALLER, ended=False)
    return Floor(line, caller, operator, phone, supervisor, str(story["call"]["id"]))


async def hears(call: Call, *tones: int) -> None:
    """Wait until the telephone receives exactly these tones of the three."""
    shares: dict[int, float] = {}
    for _ in range(60):
        await asyncio.sleep(0.05)
        heard = call.heard(call.clock - 0.5)
        shares = {tone: tone_share(heard, tone) for tone in (CALLER_HZ, OPERATOR_HZ, SUPERVISOR_HZ)}
        if all(share > _HEARD if tone in tones else share < _NOT_HEARD for tone, share in shares.items()):
            return
    raise AssertionError(f"{call} is to hear {tones} Hz; it hears {shares}")


async def _rung_by_the_control_api(there: Floor) -> None:
    """The control API rings the supervisor, or says why not."""
    line, operator, supervisor = there.line, there.phone.user, there.supervisor.user
    for body, status, sentence in (
        ({"supervisor": "9999", "operator": operator}, 404, "There is no supervisor '9999'"),
        ({"supervisor": operator, "operator": supervisor}, 422, "Only a supervisor may do this"),
        ({"supervisor": supervisor, "operator": "9999"}, 404, "There is no such operator"),
        ({"supervisor": supervisor, "operator": supervisor}, 422, "You cannot supervise yourself"),
        (
            {"supervisor": supervisor, "operator": line.speaks("nl", but=(operator, supervisor))},
            409,
            "not in a conversation",
        ),
        ({"supervisor": supervisor, "operator": operator, "mode": "shout"}, 422, "mode"),
    ):
        with pytest.raises(urllib.error.HTTPError) as error:
            line.control("POST", "/supervision", body)
        assert (error.value.code, sentence in error.value.read().decode()) == (status, True)
    there.supervisor.will_answer(tone_hz=SUPERVISOR_HZ)
    asked = {"supervisor": supervisor, "operator": operator, "mode": "whisper"}
    assert line.control("POST", "/supervision", asked)["rings"] == supervisor
    whispering = await there.supervisor.next_call(5)
    await hears(there.operator, CALLER_HZ, SUPERVISOR_HZ)
    await hears(there.caller, OPERATOR_HZ)
    # The supervisor hangs up: the conversation goes on, and nothing of the supervision is left.
    await whispering.hangup()
    await hears(there.operator, CALLER_HZ)
    assert [(row["act"], row["reason"]) for row in await there.audit(1)] == [("whisper", "supervisor")]
    await line.until(lambda: len(line.left()) == 3, 3, "a caller, an operator and their bridge are left")
    there.supervisor.will_ring()


async def test_a_supervisor_is_rung_or_dials_listens_whispers_and_joins_and_changes_between_them(
    line: Line, telephones: Telephones
) -> None:
    there = await floor(line, telephones)
    await _rung_by_the_control_api(there)
    caller, operator = there.caller, there.operator
    listening = await there.dials(f"*21{there.phone.user}")
    await there.says(listening, "supervision_listen")
    await hears(listening, CALLER_HZ, OPERATOR_HZ)
    await hears(operator, CALLER_HZ)
    await hears(caller, OPERATOR_HZ)

    await listening.press("2")
    await hears(operator, CALLER_HZ, SUPERVISOR_HZ)
    await hears(listening, CALLER_HZ, OPERATOR_HZ)
    await hears(caller, OPERATOR_HZ)

    await listening.press("3")
    await hears(caller, OPERATOR_HZ, SUPERVISOR_HZ)
    await hears(operator, CALLER_HZ, SUPERVISOR_HZ)
    await hears(listening, CALLER_HZ, OPERATOR_HZ)

    # While the caller is on hold, only the supervisor speaks to the operator.
    line.control("POST", f"/calls/{there.call}/hold", {})
    await hears(operator, SUPERVISOR_HZ)
    await listening.press("2")
    await hears(operator, SUPERVISOR_HZ)
    line.control("POST", f"/calls/{there.call}/unhold", {})
    await hears(operator, CALLER_HZ, SUPERVISOR_HZ)
    await hears(caller, OPERATOR_HZ)

    since = listening.clock
    await listening.press("1")
    await there.says(listening, "supervision_listen", since_s=since)
    await hears(caller, OPERATOR_HZ)
    await hears(operator, CALLER_HZ)
    await hears(listening, CALLER_HZ, OPERATOR_HZ)

    # The operator's telephone has rung for the caller only; the end of the conversation ends everything.
    assert len(there.phone.calls) == 1
    await there.ends()
    await there.says(listening, "supervision_ended")
    assert not (await listening.ended(5)).by_us
    await line.until(lambda: line.left() == [], 3, "nothing is left")
    _, *rows = await there.audit(6)
    assert [(row["act"], row["by"], row["about"]) for row in rows] == [
        (act, there.supervisor.user, f"operator:{there.phone.user}")
        for act in ("listen", "whisper", "join", "whisper", "listen")
    ]
    assert [row["until"] for row in rows[:4]] == [row["at"] for row in rows[1:]]
    assert (rows[4]["reason"], rows[4]["until"] is not None) == ("conversation", True)


async def test_a_refused_supervisor_hears_why(line: Line, telephones: Telephones) -> None:
    entry = next(operator for operator in line.operators if operator.supervisor)
    supervisor = await line.phone(telephones, entry.id)
    other = await line.phone(telephones, line.speaks("nl", but=(entry.id,)))

    async def refused(phone: Operator, code: str, text: str) -> None:
        language = line.spoken_to(phone.user)
        call = await phone.dial(code)
        await call.hears(line.audio(language, text))
        assert not (await call.ended(5)).by_us

    await asyncio.gather(
        refused(other, f"*21{entry.id}", "supervision_not_allowed"),
        refused(supervisor, f"*23{other.user}", "supervision_not_talking"),
    )
    engine = async_engine(line.database)
    rows = [entry for entry in await audit_entries(engine, 100) if entry.act == "supervision_refused"]
    await engine.dispose()
    assert {(entry.by, entry.about, entry.reason) for entry in rows} >= {
        (other.user, f"operator:{entry.id}", "not_allowed"),
        (entry.id, f"operator:{other.user}", "not_talking"),
    }


async def test_a_supervision_goes_on_when_the_controller_is_killed(
    line: Line, telephones: Telephones, record_property: Callable[[str, float], None]
) -> None:
    site = line.site / "site.toml"
    before = site.read_text()
    site.write_text(before.replace("told_of_supervision = false", "told_of_supervision = true"))
    there = await floor(line, telephones)
    whispering = await there.dials("*22", keys=f"{there.phone.user}#")
    await hears(there.operator, CALLER_HZ, SUPERVISOR_HZ)
    former, killed = line.kill_controller(), whispering.clock
    await line.controller_back(former)
    await hears(there.operator, CALLER_HZ, SUPERVISOR_HZ)
    await hears(there.caller, OPERATOR_HZ)
    await whispering.press("3")
    await hears(there.caller, OPERATOR_HZ, SUPERVISOR_HZ)
    record_property("longest silence of a supervisor, s", round(longest_silence(whispering.heard(killed)).length_s, 2))
    # The supervisor hangs up while there is no controller: the next one ends what is left of the supervision.
    former = line.kill_controller()
    await whispering.hangup()
    await line.controller_back(former)
    await hears(there.caller, OPERATOR_HZ)
    await line.until(lambda: len(line.left()) == 3, 3, "a caller, an operator and their bridge are left")
    rows = await there.audit(2)
    assert [(row["act"], row["reason"]) for row in rows] == [("whisper", None), ("join", "restart")]
    assert [offer["state"] for offer in (await line.story(CALLER, ended=False))["offers"]] == ["accepted"]

    # Since the restart, the site tells operators: the operator hears it, the caller does not. A supervisor whose
    # conversation ends with the controller hears that it is over.
    there.caller.silence()
    await hears(there.operator)
    since = there.operator.clock
    listening = await there.dials(f"*21{there.phone.user}")
    language = line.spoken_to(there.phone.user)
    await there.operator.hears(line.audio(language, "supervision_told"), since_s=since)
    await hears(listening, OPERATOR_HZ)
    site.write_text(before)
    since, former = listening.clock, line.kill_controller()
    await there.caller.hangup()
    await there.operator.hangup()
    await line.controller_back(former)
    assert not (await listening.ended(20)).by_us
    # By the controller; or by the guard, if the machine is so slow that there is none for five seconds.
    announcements = [line.audio(there.language, text) for text in ("supervision_ended", "code_unavailable")]
    assert any(find(listening.heard(since), announcement).same for announcement in announcements)
    alone = round(longest_silence(listening.heard(since)).length_s, 2)
    record_property("longest silence of a supervisor whose conversation has ended meanwhile, s", alone)
    await line.story(CALLER)
