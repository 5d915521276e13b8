"""Callers in every state, new ones each second, and the operators' telephones that answer them."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence

from bench import media
from bench.callers import Call, LostCallError
from bench.faults.judge import Facts, Part, Talk
from bench.floor.control import Control
from bench.floor.crowd import COMPLAIN, Measured
from bench.floor.heard import Meter, has_sound
from bench.floor.line import NUMBER, Team
from bench.floor.phones import TONE, Fleet, Leg
from bench.floor.story import Story
from bench.reference_case import LANGUAGES

PATIENCE_S = 32.0  # a carrier repeats its INVITE for so long (RFC 3261, timer B)
REPEATS_S = (0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0)  # between two INVITEs
KEPT_S = 0.3  # silences that last longer are kept
STAYS_S = 6.0  # a new caller
HEARD_S = 1.0
RECORDS_S = 0.5  # a line that records is silent
TONE_WITHIN_S = 20.0  # the instructions, once more if the controller was killed meanwhile
SPEAKS_AFTER_S = 6.0  # the caller speaks on for so long after the fault has come
ANSWERS_AFTER_S = 2.0  # the survey
DIGIT_S = 1.2
SURVEY_KEY = "5"
SERVED_WITHIN_S = 15.0  # callers who wait, once an operator is free
PICKS_UP_AFTER_S = 4.0  # the operators whose telephones ring then
NUMBERS_A_ROUND = 1000

RECORD_TONE, APOLOGY = "tone", "apology"
"""Whose voice a packet is, beside controller and fallback: before a message, and of one that could not be recorded."""

CAST: tuple[tuple[Part, str], ...] = (
    *((Part.TALKING, "nl"),) * 2,  # both operators who speak it: others wait
    *((Part.TALKING, "fr"),) * 2,
    *((Part.HELD, "fr"),) * 2,
    *((Part.CONSULTING, "fr"),) * 2,
    *((Part.WAITING, "nl"),) * 3,
    *((Part.MENU, "it"),) * 2,
    *((Part.GUIDE, "ar"),) * 2,
    *((Part.DIGITS, "it"),) * 2,
    *((Part.MESSAGE, "ar"),) * 3,
    *((Part.SURVEY, "en"),) * 2,
    *((Part.RINGING, "es"),) * 2,
)
"""The callers who are there when the fault comes, with their languages, in the order in which they call."""

BEFORE_S = {Part.MESSAGE: 11.0, Part.DIGITS: 9.0, Part.SURVEY: 12.0, Part.RINGING: 6.0}
"""How long before the fault these call; the others call at once."""

SURVEY_S = 3.0  # before the fault their operators hang up

COLLEAGUES = ("1501", "1502")  # whom the operators consult


def team() -> Team:
    """Return the operators: those who talk in each language, some who are free, and the colleagues."""
    speaks: dict[str, tuple[str, ...]] = {}
    for first, count, language in (
        (1001, 8, "fr"), (1101, 2, "nl"), (1201, 2, "es"), (1301, 2, "en"), (1401, 2, "ar"), (1451, 1, "it"),
    ):  # fmt: skip
        speaks |= {str(first + place): (language,) for place in range(count)}
    speaks |= dict.fromkeys(COLLEAGUES, ("de",))
    return Team(tuple(speaks), (), COLLEAGUES[:1], speaks)


def number_of(round_number: int, place: int) -> str:
    return f"+3361{round_number * NUMBERS_A_ROUND + place:07}"


class Cast(Measured):
    """The callers of one fault, and what they know of their calls.

    Args:
        known: Whose voice a packet is (controller, fallback, tone, apology), by its content.
    """

    def __init__(
        self, server: tuple[str, int], fleet: Fleet, control: Control, number: int, known: Mapping[bytes, str]
    ) -> None:
        super().__init__(server, fleet, Story())
        self.patience_s = PATIENCE_S
        self.facts: dict[str, Facts] = {}
        self.struck = asyncio.Event()  # the fault has come
        self.closing = asyncio.Event()  # everybody finishes
        self._control, self._number, self._known = control, number, known
        self._by_sound: dict[int, Facts] = {}  # by Asterisk's port
        self._operators_heard: dict[str, float] = {}  # by caller: when they last heard one
        self._heard_at: dict[str, float] = {}  # the same, of anything, for callers who leave messages
        self._tones: set[str] = set()  # callers who have heard the tone after which they speak
        self._legs: dict[str, Leg] = {}  # by caller: the leg of their operator
        self._tasks: set[asyncio.Task[None]] = set()
        self.errors: list[str] = []  # of the bench itself
        fleet.rung = lambda leg: self._start(self._serve(leg))

    # From outside

    def start(self, part: Part, language: str) -> None:
        """Have somebody call."""
        number = number_of(self._number, len(self.facts))
        facts = self.facts[number] = Facts(number, part, time.time())
        self._start(self._one(facts, language))

    def cut_off(self) -> None:
        """Note that Asterisk is gone, with all its calls."""
        now = time.time()
        for number in self.up:
            facts = self.facts[number]
            facts.cut, facts.ended = True, facts.ended or now
            facts.lost = facts.lost or "Asterisk was gone"
        super().cut_off()

    def up_by_part(self) -> dict[str, int]:
        """Return how many callers are up, by what they were to do."""
        found: dict[str, int] = {}
        for number in self.up:
            part = self.facts[number].part
            found[part] = found.get(part, 0) + 1
        return found

    async def operators_act(self, part: Part, act: str, bodies: Sequence[Mapping[str, object] | None]) -> list[str]:
        """Have the operators of these callers do something, by the API. Return what failed."""
        rows = await self._control.operators()
        failed = []
        legs = [leg for number, leg in self._legs.items() if self.facts[number].part is part and leg.state == "talking"]
        for leg, body in zip(legs, bodies, strict=False):
            call = (rows.get(leg.user) or {}).get("call")
            status = await self._control.post(f"/calls/{call['id']}/{act}", body) if call else 0
            if status != 200:
                failed.append(f"{act} for {leg.about}: {status or 'no call'}")
        return failed

    def operators_hang_up(self, *parts: Part) -> None:
        """Have the operators of these callers hang up."""
        for number, leg in self._legs.items():
            if self.facts[number].part in parts:
                self._fleet.hang_up(leg)

    async def finish(self, limit_s: float) -> None:
        """Have everybody finish and hang up."""
        self.closing.set()
        await self.until_over(limit_s)
        await self.stop()

    async def until_over(self, limit_s: float) -> None:
        """Wait until all calls are over; whoever is still there then hangs up."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limit_s)
        for number in list(self.up):
            await self._leaves(self.facts[number])
        for leg in self._fleet.legs():
            self._fleet.hang_up(leg)
        await asyncio.sleep(0.5)

    async def stop(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Callers

    async def _one(self, facts: Facts, language: str) -> None:
        call = self.invite(NUMBER, facts.number)
        repeating = asyncio.create_task(self._repeat(call))
        try:
            await self.established(call)
        except (LostCallError, ValueError) as lost:
            facts.lost = f"called and got no answer: {lost}"
            await self._give_up(call)
            return
        finally:
            repeating.cancel()
        facts.answered = time.time()
        self._by_sound[call.port] = facts
        meter = Meter(time.time_ns(), kept_s=KEPT_S)
        facts.silences = meter.silences
        try:
            async with self.measured(facts.number, call, meter):
                await self._play(facts, call, language)
                if facts.ended is None:
                    facts.ended = time.time()
                    if call.ended.done() and not self._may_end(facts):
                        facts.lost = "hung up on"
        finally:
            self._by_sound.pop(call.port, None)

    async def _repeat(self, call: Call) -> None:
        for pause_s in REPEATS_S:
            await asyncio.sleep(pause_s)
            self._sip.send(call.invite, self._server)

    async def _give_up(self, call: Call) -> None:
        """Cancel; end the call if the answer comes all the same."""
        if call.answered.done():
            self.forget(call)
            return
        self.cancel(call)
        with contextlib.suppress(LostCallError, ValueError, TimeoutError):
            async with asyncio.timeout(10.0):
                await self.established(call)
                await self.hang_up(call)
        self.forget(call)

    def _may_end(self, facts: Facts) -> bool:
        """Return whether the line may hang up: the operator has, or the caller has done what they called for."""
        talked = any(talk.ended is not None and not talk.broken for talk in facts.talks)
        return talked or facts.survey is not None or facts.spoke_s > 0

    async def _play(self, facts: Facts, call: Call, language: str) -> None:
        if facts.part is Part.NEW:
            await self.be_heard(call)
            await self._listen(call, STAYS_S)
            await self._leaves(facts)
            return
        await self._greet(call, language)
        match facts.part:
            case Part.MENU:
                await self._press_every(call, "#", 6.0)
            case Part.GUIDE:
                await self._press_in_turn(call, "21")
                await self._press_every(call, "#", 8.0)
            case Part.DIGITS:
                await self._press_in_turn(call, "1")
                await self._enter(facts, call)
            case Part.MESSAGE:
                await self._leave_message(facts, call, None)
                await self._until(call, self.closing)
            case _:
                await self.press(call, "0")
                await self._stay(facts, call)
        await self._leaves(facts)

    async def _stay(self, facts: Facts, call: Call) -> None:
        """Wait, talk, or hear the survey, until it is time to go."""
        if facts.part is Part.SURVEY:
            await self._until(call, self.struck)
            await self._listen(call, ANSWERS_AFTER_S)
            if not call.ended.done():
                await self.press(call, SURVEY_KEY)
                facts.survey = int(SURVEY_KEY)
        await self._until(call, self.closing)
        if facts.part in (Part.WAITING, Part.TALKING):  # an operator hangs up on the one, and answers the other
            await self._listen(call, SERVED_WITHIN_S)

    async def _greet(self, call: Call, language: str) -> None:
        """Choose the language."""
        await self.be_heard(call)
        await self._listen(call, 1.0)
        await self.press(call, str(LANGUAGES.index(language) + 1))
        await self._listen(call, 1.0)

    async def _leave_message(self, facts: Facts, call: Call, seconds: float | None, *, send: bool = True) -> None:
        """Choose to complain, speak after the tone, and send it. None: until some time after the fault."""
        await self._press_in_turn(call, COMPLAIN)
        by = time.monotonic() + TONE_WITHIN_S
        while facts.number not in self._tones and not call.ended.done() and time.monotonic() < by:
            await self._listen(call, 0.2)
        if facts.number not in self._tones:
            return
        await self._listen(call, 0.5)
        until = None if seconds is None else time.monotonic() + seconds
        while not call.ended.done() and (until is None or time.monotonic() < until):
            self.speak(facts.number, call)
            await asyncio.sleep(media.PACE)
            if time.time() - self._heard_at.get(facts.number, 0.0) > RECORDS_S:  # else the line says that it does not
                facts.spoke_s += media.PACE
            if until is None and self.struck.is_set():
                until = time.monotonic() + SPEAKS_AFTER_S
        if not send:
            return
        await self._press_in_turn(call, "#")
        await self._listen(call, 1.0)
        await self._press_in_turn(call, "1")

    async def _press_in_turn(self, call: Call, keys: str) -> None:
        for key in keys:
            if call.ended.done():
                return
            await self.press(call, key)
            await self._listen(call, 1.0)

    async def _enter(self, facts: Facts, call: Call) -> None:
        """Enter digits, slowly, until the fault comes; then listen."""
        while not call.ended.done() and not self.struck.is_set():
            for digit in "12345678*":  # back to the menu, and to the question again, before it is complete
                await self.press(call, digit)
                self.meters[facts.number].speaks(time.time_ns())
                await self._listen(call, DIGIT_S)
                if self.struck.is_set():
                    break
            else:
                await self._press_in_turn(call, "1")
        await self._until(call, self.closing)

    async def _press_every(self, call: Call, keys: str, pause_s: float) -> None:
        """Press one key after the other, again and again, until it is time to go."""
        place = 0
        while not call.ended.done() and not self.closing.is_set():
            await self.press(call, keys[place % len(keys)])
            place += 1
            await self._listen(call, pause_s)

    async def _until(self, call: Call, event: asyncio.Event) -> None:
        while not event.is_set() and not call.ended.done():
            await self._listen(call, HEARD_S)

    async def _listen(self, call: Call, seconds: float) -> None:
        """Let time pass, or until the call ends: Asterisk gives up callers who send nothing."""
        until = time.monotonic() + seconds
        while not call.ended.done() and (left := until - time.monotonic()) > 0:
            await asyncio.wait([call.ended], timeout=min(HEARD_S, left))
            self.be_heard_once(call)

    async def _leaves(self, facts: Facts) -> None:
        call = self.up.get(facts.number)
        if call is not None and not call.ended.done():
            facts.ended = time.time()
            await self.leave(facts.number)

    def _on_rtp(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        if (facts := self._by_sound.get(sender[1])) is not None:
            if (payload := data[12:]) == TONE:
                self._operators_heard[facts.number] = arrived / 1e9
            elif not facts.first:
                facts.first = self._known.get(payload, "")
            if facts.part is Part.MESSAGE:
                self._hear_of_message(facts, payload, arrived)
        super()._on_rtp(data, sender, arrived)

    def _hear_of_message(self, facts: Facts, payload: bytes, arrived: int) -> None:
        if has_sound(payload):
            self._heard_at[facts.number] = arrived / 1e9
        who = self._known.get(payload)
        if who == RECORD_TONE:
            self._tones.add(facts.number)
        facts.refused = facts.refused or who == APOLOGY

    # Operators

    async def _serve(self, leg: Leg) -> None:
        facts = self.facts.get(leg.about)
        if facts is None:  # of an earlier fault, or nobody's
            self._fleet.pick_up(leg)
            return
        if facts.part is Part.RINGING and not facts.answers:
            while leg.state == "ringing" and not self.struck.is_set():
                await pass_time(leg, 0.2)
            await pass_time(leg, PICKS_UP_AFTER_S)
        else:
            await pass_time(leg, 0.5)
        self._fleet.pick_up(leg)
        await leg.up.wait()
        if leg.state != "talking":
            return
        talk = Talk(leg.user, time.time(), heard=False)
        consulted = leg.user in COLLEAGUES
        if not consulted:
            facts.answers.append(talk)
            self._legs[leg.about] = leg
            self._start(self._converse(leg))
        while leg.state == "talking":
            await pass_time(leg, HEARD_S)
            talk.heard = talk.heard or self._operators_heard.get(leg.about, 0.0) >= talk.began
        talk.ended = time.time()
        # The telephone hears of a hang-up a moment after the caller does.
        caller_gone = facts.ended is not None or facts.number not in self.up
        talk.broken = not leg.ended_by_us and not caller_gone and not consulted and not facts.cut

    async def _converse(self, leg: Leg) -> None:
        """Do what an operator does in a conversation: here nothing, it ends with the round."""

    def _start(self, work: Coroutine[object, object, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except LostCallError as lost:
                self.errors.append(str(lost))

        task = asyncio.ensure_future(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(f"the bench itself failed: {error!r}")


async def pass_time(leg: Leg, seconds: float) -> None:
    """Let time pass, or until the telephone's call is over."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(leg.over.wait(), seconds)
