"""Prompts that the controller plays to an operator during a conversation: their names and languages."""

from db.enums import Role
from ivr.call.call import Call
from ivr.model.talk_table import OperatorPlace, Talk

RINGING = "tone:calling"
"""Played to an operator while a colleague is rung; from `indications.conf`, since a comma ends a tone in ARI."""


def ringing_name(leg: str) -> str:
    """Return the name of the ringing tone for a colleague's leg.

    The tone never ends by itself, so a controller that starts must know how to stop it.
    """
    return f"rings-{leg}"


def leftover_ringing(talk: Talk) -> str | None:
    """Return the ringing tone that a former controller may have left playing.

    None if nobody is being consulted, or the operator's line for it is not known.
    """
    known = talk.via is not None or talk.place is not OperatorPlace.ASIDE
    consulted = talk.colleague if talk.colleague is not None and talk.colleague.role is Role.CONSULTED else None
    return ringing_name(consulted.leg) if consulted is not None and known else None


def find_media(call: Call, operator: str, text: str) -> str | None:
    """Return a text in the operator's first language, in Asterisk's notation, or None if it has no audio."""
    entry = next((person for person in call.services.people if person.id == operator), None)
    language = next(iter(entry.languages)) if entry is not None else call.state.language
    audio = call.services.audible.find(call.version.sounds, (language, text))
    return f"sound:{audio.file}" if audio is not None else None
