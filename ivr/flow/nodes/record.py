"""`record`: takes a voice message, which opens a case.

Callers speak after a tone, for three minutes at most, until `#` or silence; they can listen to the message, record it
again, or send it. If they hang up instead of sending it, the message is kept as well. Until it is sent, Asterisk stores
it.
"""

import asyncio
from typing import Literal

import structlog
from pydantic import Field

from db.enums import CaseKind, Outcome
from ivr.asterisk.ari import events, operations
from ivr.audio import spoken
from ivr.audio.audible import BEEP, Clip
from ivr.call import accepted
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, GoTo, choose, key_text
from ivr.call.interruptions import CallerGone, CallFailed, MenusOver
from ivr.call.node import BACK, CHANGE_LANGUAGE, MISTAKES, OPERATOR, Node, NodeName, TextId, Topic
from ivr.records import voicemail
from ivr.records.limit_counts import Limit

log = structlog.get_logger()

SEND, HEAR, ANEW = "1", "2", "3"
_AGAIN = "1"
_SILENCE_S = 8
"""This much silence ends a recording, as `#` does."""
_MARGIN_S = 5.0
_CLOSE_S = 2.0
"""How long Asterisk may take to close the file after the caller has hung up."""


class Record(Node):
    kind: Literal["record"]
    file: Literal["complaint", "suggestion", "observation", "message"]  # the kind of case it opens
    category: Topic
    topic: Topic | None = None  # of the operator's call, if the caller asks for one
    text: TextId = "record_how"
    longest_s: int = Field(180, ge=10, le=600)
    due_h: int = Field(48, ge=1, le=2000)  # hours until the case is due
    next: NodeName
    back: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, self.back)

    def silent(self) -> str | None:
        return self.next

    def texts(self) -> tuple[str, ...]:
        keys = tuple(key_text(key, short=True) for key in (SEND, HEAR, ANEW))
        options = ("record_send", "record_hear", "record_anew", *keys)
        after = ("record_empty", "record_failed", "record_thanks", "reference_is", "hear_again")
        own = (self.text, "message_no_room", "message_too_many", *options, *after)
        return (*own, "hang_up_or_back", *spoken.DIGIT_IDS, *CHOICE_TEXTS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        name = voicemail.recording_name(self.file, self.category, call.state.id)
        try:
            return await self._take_message(call, name, resumed)
        except (CallerGone, MenusOver) as over:
            await self._keep(call, name, gone=isinstance(over, CallerGone))
            raise

    async def _take_message(self, call: Call, name: str, resumed: bool) -> str | None:
        there = resumed and await self._find_recording(call, name)
        if not resumed:
            call.begin_question(fresh=True, early_s=0.0)  # no message begins with keys pressed ahead
        if not there and (refused := await self._why_not(call)) is not None:
            limit, text = refused
            call.services.recorder.counts.limits.reach(limit)
            call.event("message_refused", why=limit.value)
            await call.say(text)
            return self.back
        empty = 0
        while True:
            if not there:
                await call.say(self.text)
                if (left := self._leave_by_key(call)) is not None:
                    return left
                ended = await self._record(call, name)
                if isinstance(ended, events.RecordingFailed) or call.services.mailbox.is_full():
                    return await self._report_failure(call, name)
                if not await call.services.mailbox.has_voice(name):
                    (stored,) = await call.services.link.ask(operations.STORED_RECORDING(name))
                    if not stored.ok:
                        return await self._report_failure(call, name)  # Asterisk could not write a file
                    await call.services.link.send(operations.DELETE_RECORDING(name))
                    empty += 1
                    if empty > MISTAKES:
                        return self.next
                    await call.say("record_empty")
                    call.keys.clear()
                    continue
            there = False
            chosen = await self._confirm(call, name)
            if isinstance(chosen, GoTo) and chosen.key == BACK:
                await call.services.link.send(operations.DELETE_RECORDING(name))
                return self.back
            if chosen == SEND or (isinstance(chosen, GoTo) and chosen.key is None):  # silence does not withdraw it
                kept, reference = await self._keep(call, name)
                if not kept:
                    return await self._report_failure(call, name)
                return await self._say_reference(call, "record_thanks", reference)
            if isinstance(chosen, GoTo):  # to an operator or another language: the message is kept
                await self._keep(call, name)
                return chosen.node

    async def _why_not(self, call: Call) -> tuple[Limit, str] | None:
        """Return the limit that forbids another message, and the text that says so; None if one may be left."""
        if not call.services.mailbox.has_room():
            return Limit.DISK, "message_no_room"
        if not await call.services.caller_limits.may_leave_message(call.state.caller):
            return Limit.MESSAGES_BY_NUMBER, "message_too_many"
        return None

    def _leave_by_key(self, call: Call) -> str | None:
        """Return where a key leads that was pressed during the instructions; other keys start the recording."""
        key = call.take_key()
        call.keys.clear()
        return self._common_key(call, key)

    def _common_key(self, call: Call, key: str | None) -> str | None:
        """Return where the keys lead that mean the same everywhere."""
        places = {BACK: self.back, OPERATOR: call.flow.operator, CHANGE_LANGUAGE: call.flow.change_language}
        return places.get(key or "")

    async def _find_recording(self, call: Call, name: str) -> bool:
        """Return whether there is a recording from before a restart, after waiting for the end of one in progress."""
        live, stored = await call.services.link.ask(operations.LIVE_RECORDING(name), operations.STORED_RECORDING(name))
        if live.ok:
            await self._wait_until_recorded(call, name)
        return (live.ok or stored.ok) and await call.services.mailbox.has_voice(name)

    async def _record(self, call: Call, name: str) -> events.RecordingFinished:
        await call.play(BEEP)
        while call.sounding:
            await call.next()
        call.keys.clear()
        await call.step(
            operations.RECORD(
                call.channel,
                name=name,
                format=voicemail.FORMAT,
                maxDurationSeconds=str(self.longest_s),
                maxSilenceSeconds=str(_SILENCE_S),
                ifExists="overwrite",
                terminateOn="#",
            )
        )
        call.event("recording", name=name)
        return await self._wait_until_recorded(call, name)

    async def _wait_until_recorded(self, call: Call, name: str) -> events.RecordingFinished:
        until = asyncio.get_running_loop().time() + self.longest_s + _MARGIN_S
        while asyncio.get_running_loop().time() < until:
            try:
                item = await call.next(until)
            except CallerGone:
                await self._wait_until_closed(call, name)
                raise
            except CallFailed:
                break  # Asterisk could not start
            if call.keys:  # the # that ended it, and keys pressed while speaking
                call.keys.clear()
                call.keys.lost = False
            if isinstance(item, events.RecordingFinished) and item.recording.name == name:
                return item
        return events.RecordingFailed(events.Recording(name, f"channel:{call.channel}"))

    async def _wait_until_closed(self, call: Call, name: str) -> None:
        """Wait until Asterisk has closed the file of a caller who has gone."""
        until = asyncio.get_running_loop().time() + _CLOSE_S
        while asyncio.get_running_loop().time() < until:
            item = await call.next(until, even_if_gone=True)
            if isinstance(item, events.RecordingFinished) and item.recording.name == name:
                return

    async def _confirm(self, call: Call, name: str) -> str | GoTo:
        language = call.state.language
        options: list[tuple[str, list[Clip]]] = [
            (SEND, [(language, "record_send")]),
            (HEAR, [(language, "record_hear")]),
            (ANEW, [(language, "record_anew")]),
        ]
        while True:
            chosen = await choose(call, options, back=self.back, after_help=self.next, fresh=True, short=True)
            if chosen != HEAR:
                return chosen
            await call.play_media(f"recording:{name}", self.longest_s)
            await call.wait_for_playback()

    async def _keep(self, call: Call, name: str, *, gone: bool = False) -> tuple[bool, str | None]:
        """Keep the message with a new case, if the caller spoke. Return whether it was, and the case's reference.

        While nothing can be recorded (a full disk) it stays with Asterisk, where it is found once that is possible.
        """
        if not call.services.recorder.writes_to_disk():
            return False, None
        left = await call.services.mailbox.keep(name)
        if left is None:
            return False, None
        call.services.caller_limits.message_kept(left.id, call.state.caller)
        reference = call.services.recorder.new_case_reference()
        call.services.recorder.message(call.state, left, self.category, CaseKind(self.file), reference, self.due_h)
        self._note(call, reference, kept=True)
        call.event("message", file=left.file, seconds=round(left.seconds, 1), reference=reference, gone=gone)
        return True, reference

    def _note(self, call: Call, reference: str | None, *, kept: bool) -> None:
        talked = call.state.outcome == Outcome.ANSWERED
        outcome = Outcome.MESSAGE if kept and not talked else call.state.outcome
        call.set(
            call.state.replace(
                outcome=outcome,
                case=reference or call.state.case,
                filed=reference is not None or call.state.filed,
            )
        )
        if self.file == accepted.MESSAGE:
            accepted.accept(call, accepted.MESSAGE)

    async def _report_failure(self, call: Call, name: str) -> str | None:
        """Tell the caller that the message could not be recorded, or not completely, and open a case about it."""
        log.error("A message could not be recorded: is the disk full?", call=call.state.id)
        kept, reference = await self._keep(call, name)
        if not kept:
            reference = call.services.recorder.new_case_reference()
        call.services.recorder.message_failed(call.state, CaseKind(self.file), reference, self.due_h)
        self._note(call, reference, kept=kept)
        call.event("recording_failed", reference=reference)
        return await self._say_reference(call, "record_failed", reference)

    async def _say_reference(self, call: Call, text: str, reference: str | None) -> str | None:
        """Say the text and the reference, which can be repeated; silence leads on."""
        language = call.state.language
        if reference is None:
            await call.say(text)
            return self.next
        number: list[Clip] = [(language, "reference_is"), *spoken.dictated_clips(language, reference)]
        again: list[Clip] = [
            (language, "hear_again"),
            (language, key_text(_AGAIN, short=True)),
            (language, "hang_up_or_back"),
        ]
        clips = [(language, text), *number, *again]
        while (key := await call.listen(*clips, fresh=True)) is not None:
            if (elsewhere := self._common_key(call, key)) is not None:
                return elsewhere
            clips = [*number, *again]
        return self.next
