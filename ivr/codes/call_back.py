"""The feature code `call_back`: the operator calls their last caller back.

The code only records a request. As soon as the operator has hung up and is free they are rung for it, as for any other
request; so the same limits hold, and a restart loses nothing.
"""

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CallbackState
from db.ids import uuid7
from ivr.codes.code_call import CodeCall, CodeRefused
from ivr.model import clock
from ivr.records.callback_records import record_audit, record_request
from ivr.site.callback_numbers import refusal


async def call_back(call: CodeCall) -> None:
    """Record the request and confirm it, or play why the caller cannot be called."""
    services, operator = call.services, call.operator.id
    last = await services.database.last_call(operator)
    if last is None or not last.caller:
        raise CodeRefused("callback_code_none")
    if services.site.callbacks.trunk is None or refusal(last.caller, services.site) is not None:
        raise CodeRefused("callback_code_refused")
    is_requested = any(
        (request.kind, request.operator_id, request.number) == (CallbackKind.OPERATOR, operator, last.caller)
        for request in await call.connection.callbacks.pending() or ()
    )
    if not call.resumed and not is_requested:  # one request is enough, however often the code is dialled
        now = clock.now()
        request = CallbackRequest(
            uuid7(), services.site.node, CallbackKind.OPERATOR.value, CallbackState.REQUESTED.value, last.caller, now,
            call_id=last.id, case_reference=last.case_reference, country=last.country, language=last.language,
            topic=last.topic, operator_id=operator, due=now,
        )  # fmt: skip
        record_request(services.recorder, request)
        record_audit(services.recorder, request, "callback_by_code", operator, "")
        call.connection.callbacks.look()
    await call.say("callback_code_noted")
