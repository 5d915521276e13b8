"""Reads what is live from the controller, for the control API's answers and its events."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import is_
from typing import NamedTuple

from db.callback_requests import CallbackRequest
from db.callback_states import call_of
from db.enums import CallbackState
from ivr.call.call import Call as LiveCall
from ivr.call.version import Flow
from ivr.controller.controller import Controller
from ivr.floor.language_changes import LanguageChange
from ivr.model.call_state import CallState
from ivr.model.talk_table import OperatorPlace
from ivr.queue.moves import Move
from ivr.records.limit_counts import SENTENCES, Limit
from ivr.site.operators import OperatorEntry
from ivr.talk.transfers import Transfer
from ivr.telephones import devices
from ivr.telephones.replacements import Replacement
from routing.states import Operator as FloorOperator
from routing.states import OperatorState
from routing.thresholds import Exceeded, Waiting
from wire.live import (
    Acknowledgement,
    Alarm,
    AlarmKind,
    Call,
    CallerMove,
    CallStatus,
    LanguagesChanged,
    Operator,
    OperatorCall,
    OperatorCallback,
    OperatorPlaceName,
    OperatorStatus,
    QueueEntry,
    Snapshot,
    Telephone,
    TelephoneReplaced,
)

_PLACES: dict[OperatorPlace, OperatorPlaceName] = {
    OperatorPlace.TOGETHER: "together",
    OperatorPlace.HELD: "hold",
    OperatorPlace.CONSULTS: "consult",
    OperatorPlace.SWAPPED: "swap",
    OperatorPlace.ASIDE: "aside",
}


def read_place(call: LiveCall) -> OperatorPlaceName | None:
    """Return where the operator is; `hold` also by the telephone's own key, None while nobody has the caller."""
    if call.state.offer is None:
        return None
    if call.page_gone:
        return "gone"
    found = call.state.operator_place
    return "hold" if call.on_hold and found is OperatorPlace.TOGETHER else _PLACES[found]


def read_choices(flow: Flow[LiveCall], path: Sequence[str], topic: str | None) -> list[str]:
    """Return the texts of the menus' options that led along a path of nodes, in order."""
    steps = ((flow.nodes[node], after) for node, after in pairwise(path) if node in flow.nodes)
    return [text for node, after in steps if (text := node.option_to(after, topic)) is not None]


def read_call(call: LiveCall) -> Call:
    """Return one call as it is now."""
    state, transfer, place = call.state, Transfer.decode(call.state.transfer), read_place(call)
    status: CallStatus = "waiting" if state.since is not None else "menu"
    waits = status == "waiting" and not state.offer
    if state.offer:
        status = "hold" if place == "hold" else "talking"
    return Call(
        id=state.id,
        state=status,
        number=state.number,
        caller=state.caller,
        country=state.country,
        language=state.language,
        topic=state.topic,
        case=state.case,
        case_opened=state.case is not None and not state.filed,
        choices=tuple(read_choices(call.flow, state.path, state.topic)),
        node=state.node,
        flow=state.flow,
        since=state.since,
        waits_since=state.waits_since,
        connected=state.connected_at,
        operator=state.operator,
        place=place,
        recording=call.recording,
        move=_move_of(state) if waits else None,
        transfers=transfer.count,
        transfer_to=tuple(operator for operator in transfer.to if operator != "*"),
        test=call.is_test,
        try_telephone=call.try_telephone,
        training=call.training,
    )


def read_calls(controller: Controller) -> list[Call]:
    """Return the calls that are up; none while the controller is not connected to Asterisk."""
    connection = controller.connection
    return [read_call(call) for call in connection.calls] if connection is not None else []


def _move_of(state: CallState) -> CallerMove | None:
    move = Move.decode(state.moved)
    if move == Move():
        return None
    return CallerMove(front=move.front, language=move.language, operator=move.operator)


async def read_queue(controller: Controller) -> list[QueueEntry]:
    """Return who waits for an operator, the next one first."""
    connection = controller.connection
    floor = connection.floor if connection is not None else None
    if connection is None or floor is None:
        return []
    calls = {call.state.id: call for call in connection.calls}
    rows = []
    for place, waiting in enumerate(await floor.queue(), 1):
        call, request = calls.get(waiting.call), connection.callbacks.request_of(waiting.call)
        rows.append(
            QueueEntry(
                place=place,
                call=waiting.call,
                caller=call.state.caller if call else request.number if request else None,
                callback=str(request.id) if request else None,
                language=waiting.language,
                topic=waiting.topic,
                silent=waiting.silent,
                since=waiting.since,
                waits_since=call.state.waits_since if call else None,
                test=call is not None and call.is_test,
            )
        )
    return rows


class _OperatorFacts(NamedTuple):
    """All that an operator's row is made of; none of it changes without being another object."""

    entry: OperatorEntry
    known: FloorOperator | None
    telephone: devices.Telephone | None
    replaced: Replacement | None
    help_since: float | None
    help_why: str | None
    languages_changed: LanguageChange | None
    call: LiveCall | None
    state: CallState | None
    place: OperatorPlaceName | None
    request: CallbackRequest | None


def _facts_of(controller: Controller, entry: OperatorEntry) -> _OperatorFacts:
    connection = controller.connection
    floor = connection.floor if connection is not None else None
    known = floor.operators.get(entry.id) if floor is not None else None
    call = connection.call_on(known.offer) if connection is not None and known is not None and known.offer else None
    has_caller = call is not None and known is not None and call.state.offer == known.offer
    return _OperatorFacts(
        entry,
        known,
        controller.devices.by_operator.get(entry.id),
        controller.replacements.last(entry.id),
        controller.supervisor_alerts.help_is_wanted.get(entry.id),
        controller.supervisor_alerts.why(entry.id),
        controller.language_changes.changes.get(entry.id),
        call,
        call.state if call is not None else None,
        read_place(call) if call is not None and has_caller else None,
        connection.callbacks.rings(entry.id) if connection is not None else None,
    )


def _operator_of(facts: _OperatorFacts) -> Operator:
    entry, known, telephone, replaced = facts.entry, facts.known, facts.telephone, facts.replaced
    changed = facts.languages_changed
    operator = Operator(
        id=entry.id,
        name=entry.name,
        languages=entry.languages,
        topics=tuple(sorted(entry.topics)),
        supervisor=entry.supervisor,
        state=OperatorStatus.UNKNOWN,
        languages_changed=LanguagesChanged(by=changed.by, at=changed.at, listed=dict(changed.instead_of))
        if changed is not None
        else None,
    )
    if known is None:
        return operator
    return replace(
        operator,
        state=OperatorStatus(known.state),
        reason=known.reason or None,
        since=known.since or None,  # nobody knows it of whoever was never on shift
        until=known.until,
        telephone=known.present,
        on_line=known.on_line,
        planned=known.planned,
        pause_after=known.pause_after,
        training=known.training,
        help_since=facts.help_since,
        help_why=facts.help_why,
        call=_call_of(facts.call, facts.place) if facts.call is not None else None,
        callback=_callback_of(facts.request) if facts.request is not None else None,
        device=Telephone(user_agent=telephone.user_agent, address=telephone.address, transport=telephone.transport)
        if telephone is not None
        else None,
        telephone_replaced=TelephoneReplaced(
            before=replaced.before, now=replaced.now, at=replaced.at, both_alive=replaced.both_alive
        )
        if replaced is not None
        else None,
    )


def read_operator(controller: Controller, entry: OperatorEntry) -> Operator:
    """Return one operator as they are now."""
    return _operator_of(_facts_of(controller, entry))


def _call_of(call: LiveCall, place: OperatorPlaceName | None) -> OperatorCall:
    return OperatorCall(id=call.state.id, language=call.state.language, caller=call.state.caller, place=place)


def _callback_of(request: CallbackRequest) -> OperatorCallback:
    caller_rings = request.state == CallbackState.RINGING_CALLER
    return OperatorCallback(
        id=str(request.id),
        call=str(request.dialled_call_id if caller_rings else call_of(request)),
        number=request.number,
        country=request.country,
        language=request.language,
        topic=request.topic,
        case=request.case_reference,
        caller_rings=caller_rings,
    )


def read_operators(controller: Controller) -> list[Operator]:
    """Return all operators of the site, in the order of its list."""
    return [read_operator(controller, entry) for entry in controller.operators]


def read_limits(controller: Controller) -> dict[str, int]:
    """Return how often each limit on callers was reached since the controller began, with zeros."""
    counted = controller.recorder.counts.limits.reached
    return {limit.value: counted[limit] for limit in Limit}


def read_alarms(controller: Controller, queue: Iterable[QueueEntry]) -> list[Alarm]:
    """Return what a person should look at now. `queue`: who waits."""
    alarms = [*_alarms(controller), *_exceeded(controller, queue)]
    controller.acknowledgements.keep([alarm.id for alarm in alarms])
    return [_with_acknowledgement(controller, alarm) for alarm in alarms]


def _with_acknowledgement(controller: Controller, alarm: Alarm) -> Alarm:
    seen = controller.acknowledgements.of(alarm.id, alarm.since)
    if seen is None:
        return alarm
    return replace(alarm, acknowledged=Acknowledgement(by=seen.by, name=seen.name, at=seen.at))


def _exceeded(controller: Controller, queue: Iterable[QueueEntry]) -> Iterator[Alarm]:
    """Yield the alarms by the limits of the site. Whoever waits for a call-back is not on the line."""
    since: dict[str, list[float]] = {}
    for entry in queue:
        if entry.callback is None and entry.language is not None and not entry.test:
            since.setdefault(entry.language, []).append(entry.counts_from)
    waiting = {language: Waiting(len(began), min(began)) for language, began in since.items()}
    now, limits = time.time(), controller.site.alarms
    sentences = {
        Exceeded.MANY_WAITING: "{figure:.0f} callers wait; the limit is " + f"{limits.waiting}.",
        Exceeded.LONG_WAIT: f"A caller who needs {{language}} has waited for over {limits.waiting_s:g} s.",
        Exceeded.SERVICE_LEVEL: "{figure:.0%} were answered in time in the last half hour; the limit is "
        f"{limits.service_level:.0%}.",
        Exceeded.ABANDONED: f"{{figure:.0%}} gave up in the last half hour; the limit is {limits.abandoned:.0%}.",
    }
    for found in controller.thresholds.look(now, waiting, controller.recorder.counts.latest.counts()):
        yield Alarm(
            id=f"{found.what}:{found.language}" if found.language is not None else found.what.value,
            kind=AlarmKind(found.what),
            text=sentences[found.what].format(figure=found.figure, language=found.language),
            since=found.since,
            language=found.language,
            figure=found.figure,
        )


def _alarms(controller: Controller) -> Iterator[Alarm]:
    connection = controller.connection
    floor = connection.floor if connection is not None else None
    if floor is None:
        yield Alarm(id="ari_down", kind=AlarmKind.ARI_DOWN, text="The controller is not connected to Asterisk (ARI).")
    if not controller.ami.connected:
        text = "The controller is not connected to Asterisk's manager interface (AMI)."
        yield Alarm(id="ami_down", kind=AlarmKind.AMI_DOWN, text=text)
    if controller.journal.dropped:
        text = f"{controller.journal.dropped} records were lost: the journal could not be written for too long."
        yield Alarm(id="records_lost", kind=AlarmKind.RECORDS_LOST, text=text)
    probe = controller.last_probe
    if probe is not None and probe.fault is not None:
        text = f"The line called {probe.number} itself: {probe.fault}."
        yield Alarm(id="test_call_failed", kind=AlarmKind.TEST_CALL_FAILED, text=text, since=probe.at)
    if missing := controller.prompts.missing:
        languages = ", ".join(sorted({*missing.menus, *missing.others}))
        text = f"Callers do not hear all that the flow says in {languages}; the audio is made again by itself."
        yield Alarm(id="prompts_missing", kind=AlarmKind.PROMPTS_MISSING, text=text, since=controller.prompts.since)
    limits = controller.recorder.counts.limits
    for limit, at in limits.lately().items():
        text = f"{limits.reached[limit]} {SENTENCES[limit]} (docs/limits.md)."
        yield Alarm(id=f"limit_reached:{limit}", kind=AlarmKind.LIMIT_REACHED, text=text, since=at)
    guessing, now = controller.case_lookup.guessing, time.time()
    if (noticed := guessing.noticed_since(now)) is not None:
        unchecked = "; callers get an operator instead" if guessing.operators_only(now) else ""
        text = f"Wrong PINs were entered for many case files within an hour: somebody guesses{unchecked}."
        yield Alarm(id="pin_guessing", kind=AlarmKind.PIN_GUESSING, text=text, since=noticed)
    for operator, since in controller.supervisor_alerts.help_is_wanted.items():
        why = controller.supervisor_alerts.why(operator)
        yield _of_operator(AlarmKind.HELP_WANTED, operator, f"Operator {operator} asks for help.", since, why)
    for known in floor.operators.values() if floor is not None else ():
        if known.state is OperatorState.PAUSED and known.reason == "no_answer":
            text = f"Operator {known.id} did not answer a call; they are paused."
            yield _of_operator(AlarmKind.NO_ANSWER, known.id, text, known.since)
        if known.state is OperatorState.AWAY and known.reason == "unreachable":
            text = f"The telephone of operator {known.id} could not be rung; they are away until it registers."
            yield _of_operator(AlarmKind.UNREACHABLE, known.id, text, known.since)
    for entry in controller.operators:
        replaced = controller.replacements.last(entry.id)
        if replaced is not None and replaced.both_alive:
            text = f"Two telephones register as operator {entry.id}: {replaced.before} and {replaced.now}."
            yield _of_operator(AlarmKind.TWO_TELEPHONES, entry.id, text, replaced.at)


def _of_operator(kind: AlarmKind, operator: str, text: str, since: float, why: str | None = None) -> Alarm:
    return Alarm(id=f"{kind}:{operator}", kind=kind, text=text, since=since, operator=operator, why=why)


class LiveReader:
    """Reads all that is live, again and again. Only rows that have changed are made anew: most looks find nothing."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._operators: dict[str, tuple[_OperatorFacts, Operator]] = {}
        self._calls: dict[LiveCall, tuple[tuple[object, ...], Call]] = {}

    async def read(self) -> Snapshot:
        """Return all that is live now. The rows are shared with earlier answers: do not change them."""
        queue = await read_queue(self._controller)
        return Snapshot(
            at=round(time.time(), 3),
            operators=tuple(self._operator(entry) for entry in self._controller.operators),
            queue=tuple(queue),
            calls=tuple(self._read_calls()),
            alarms=tuple(read_alarms(self._controller, queue)),
        )

    def _operator(self, entry: OperatorEntry) -> Operator:
        facts, before = _facts_of(self._controller, entry), self._operators.get(entry.id)
        if before is not None and _same(facts, before[0]):
            return before[1]
        row = _operator_of(facts)
        self._operators[entry.id] = (facts, row)
        return row

    def _read_calls(self) -> list[Call]:
        connection = self._controller.connection
        present: dict[LiveCall, tuple[tuple[object, ...], Call]] = {}
        for call in connection.calls if connection is not None else ():
            facts, before = (call.state, call.flow, read_place(call), call.recording), self._calls.get(call)
            row = before[1] if before is not None and _same(facts, before[0]) else read_call(call)
            present[call] = (facts, row)
        self._calls = present
        return [row for _, row in present.values()]


def _same(facts: tuple[object, ...], before: tuple[object, ...]) -> bool:
    return all(map(is_, facts, before))
