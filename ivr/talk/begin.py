"""How a conversation begins: with both in one bridge, or as a controller that starts finds it."""

from ivr.asterisk.ari import operations
from ivr.call.bridge_moves import read_layout
from ivr.call.call import Call
from ivr.call.leg import Leg
from ivr.model.talk_table import OperatorPlace, recover
from ivr.talk.conversation import Conversation
from ivr.talk.telephone_watch import holds


async def begin(call: Call, leg: Leg, *, resumed: bool) -> Conversation:
    """`resumed`: the conversation was there before this controller; everybody goes to where the channels' states say,
    and nobody who is there already is moved."""
    if not resumed:
        return Conversation(call, leg)
    colleague, call.colleague = call.colleague, None
    talk = recover(leg.id, OperatorPlace(call.state.operator_place or ""), colleague)
    conversation = Conversation(call, leg, talk)
    (bridges,) = await call.services.link.ask(operations.BRIDGES())
    channels = [call.channel, leg.id, *([colleague.leg] if colleague is not None else ())]
    await conversation.resume(read_layout(bridges.body, channels))
    # His telephone may have held, or come back, while there was no controller.
    await conversation.held_by_telephone(on=await holds(call.services.link, leg.id))
    return conversation
