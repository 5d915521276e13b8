"""The end of a supervision whose supervisor hung up while there was no controller."""

from ivr.asterisk.ari import operations
from ivr.call.connection import Connection
from ivr.codes.spy_channel import Spy, bridge_of
from ivr.records import floor_records
from ivr.records.floor_records import Supervision


async def end(connection: Connection, spy: Spy) -> None:
    """End the spying channel and its bridge, and record the end of the supervision."""
    services, floor, call = connection.services, connection.floor, connection.call_on(spy.leg)
    operators = floor.operators.values() if floor is not None else ()
    operator = next((person.id for person in operators if person.offer == spy.leg), "")
    use = Supervision(spy.supervisor, "service", operator, spy.mode, call.state.id if call is not None else None)
    floor_records.supervision_ended(services.recorder.journal, use, "restart")
    await services.link.send(operations.HANG_UP(spy.id), operations.DELETE_BRIDGE(bridge_of(spy.supervisor)))
