"""What an operator hears from the controller during a conversation: by which name, and in which language."""

import itertools
import secrets

from db.enums import Role
from ivr.call.call import Call
from ivr.model.talk_table import OperatorPlace, Talk

RINGING = "tone:calling"
"""What an operator hears while somebody is rung for him; of `indications.conf`, since ARI takes a comma for the end."""

_BOOT = secrets.token_hex(5)
_COUNT = itertools.count(1)


def new_name() -> str:
    """Of a playback: never one that a former controller gave."""
    return f"talk-{_BOOT}-{next(_COUNT)}"


def ringing_for(leg: str) -> str:
    """The name of the ringing while that leg is rung: it never ends by itself, so a controller that starts must know
    how to end it."""
    return f"rings-{leg}"


def left_ringing(talk: Talk) -> str | None:
    """What a former controller may have left ringing; None where nobody is asked, or not known on which line."""
    known = talk.via is not None or talk.place is not OperatorPlace.ASIDE
    asked = talk.colleague if talk.colleague is not None and talk.colleague.role is Role.CONSULTED else None
    return ringing_for(asked.leg) if asked is not None and known else None


def spoken(call: Call, operator: str, text: str) -> str | None:
    """A text in his first language, as Asterisk calls it; None where there is no audio."""
    entry = next((each for each in call.services.people if each.id == operator), None)
    language = next(iter(entry.languages)) if entry is not None else call.state.language
    heard = call.services.audible.find(call.version.sounds, (language, text))
    return f"sound:{heard.file}" if heard is not None else None
