"""The operations on a conversation that its parts may use. The implementation is `ivr.talk.conversation`."""

from typing import Protocol

from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.leg import Leg
from ivr.model import floor_protocol
from ivr.model.talk_table import Talk, TalkEvent
from ivr.talk.code_reader import CodeReader
from ivr.talk.operator_prompts import OperatorPrompts
from ivr.talk.telephone_watch import TelephoneWatch
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import Whisper
from routing.states import OfferState


class ConversationControls(Protocol):
    """A conversation in progress. `ivr.talk.conversation.Conversation` describes the members."""

    call: Call
    leg: Leg
    state: Talk
    codes: CodeReader
    colleague: Leg | None
    rings_until: float
    offer: OfferState
    watch: TelephoneWatch
    whisper: Whisper | None
    prompts: OperatorPrompts
    answered_refers: set[str]

    async def apply(self, event: TalkEvent, prompt: str | None = None) -> bool: ...

    async def attach(self, via: str) -> bool: ...

    async def skip_prompt(self) -> None: ...

    async def set_telephone_hold(self, *, on: bool) -> None: ...

    async def invite(self, offer: floor_protocol.Offer, via: str | None = None) -> None: ...

    async def transfer(self, transfer: Transfer, language: str, topic: str | None, *answers: Request) -> None: ...
