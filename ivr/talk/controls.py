"""What the parts of a conversation may do with it; `ivr.talk.conversation` is the one that does."""

from typing import Protocol

from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.leg import Leg
from ivr.model import floor_protocol
from ivr.model.talk_table import Talk, TalkEvent
from ivr.talk.keys import Keys
from ivr.talk.telephone_watch import Watch
from ivr.talk.transfers import Transfer
from ivr.talk.whisper import Whisper
from routing.states import OfferState


class ConversationControls(Protocol):
    """A conversation that goes on. The members are described in `ivr.talk.conversation.Conversation`."""

    call: Call
    leg: Leg
    talk: Talk
    keys: Keys
    colleague: Leg | None
    rings_until: float
    offer: OfferState
    watch: Watch
    told: Whisper | None
    says: dict[str, str]
    referred: set[str]

    async def happens(self, what: TalkEvent, told: str | None = None) -> bool: ...

    async def attach(self, via: str) -> bool: ...

    async def heard_enough(self) -> None: ...

    async def held_by_telephone(self, *, on: bool) -> None: ...

    async def invite(self, offer: floor_protocol.Offer, via: str | None = None) -> None: ...

    async def leaves(self, transfer: Transfer, language: str, topic: str | None, *tells: Request) -> None: ...

    async def tell(self, leg: Leg, text: str) -> str | None: ...
