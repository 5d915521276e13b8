"""The start of a conversation: with both in one bridge, or as found by a controller that starts."""

from ivr.asterisk.ari import operations
from ivr.call import conversation_recording
from ivr.call.bridge_moves import read_layout
from ivr.call.call import Call
from ivr.call.leg import Leg
from ivr.model.talk_table import recover
from ivr.talk.conversation import Conversation
from ivr.talk.telephone_watch import is_holding


async def start_conversation(call: Call, leg: Leg, *, resumed: bool) -> Conversation:
    """Return the conversation of a call with the operator on `leg`.

    `resumed`: it is older than this controller. Everybody goes where the states on the channels say; channels that are
    there already are not moved.
    """
    if not resumed:
        return Conversation(call, leg)
    colleague, call.colleague = call.colleague, None
    state = recover(leg.id, call.state.operator_place, colleague)
    conversation = Conversation(call, leg, state)
    (bridges,) = await call.services.link.ask(operations.BRIDGES())
    channels = [call.channel, leg.id, *([colleague.leg] if colleague is not None else ())]
    await conversation.resume(read_layout(bridges.body, channels))
    await conversation_recording.find(call, leg.id)
    # The telephone may have been put on hold, or taken off, while there was no controller.
    await conversation.set_telephone_hold(on=await is_holding(call.services.link, leg.id))
    return conversation
