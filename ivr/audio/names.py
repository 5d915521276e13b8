"""The names of the operators' list as prompts: what a voice is given to read, and what may be said of it."""

import unicodedata
from collections.abc import Iterable

from ivr.audio.audible import Clip
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from prompts.manifest import Manifest
from prompts.names import Name, reader


def prompt_of(operator: OperatorEntry) -> str:
    """How a recording of his name is called: `recordings/<his first language>/name_1001.wav`."""
    return f"name_{operator.id}"


def names(operators: Iterable[OperatorEntry], site: Site) -> tuple[Name, ...]:
    """One for each operator, in his first language. Where its voice does not know the letters of the name, the first
    one reads it that does: of the site's fallback chain, then of all its languages."""
    return tuple(_name(operator, site) for operator in operators)


def _name(operator: OperatorEntry, site: Site) -> Name:
    language, text = next(iter(operator.languages)), _text(operator)
    others = (*site.fallback_chain(language), *site.languages)
    speaking = (each for each in (language, *others) if each not in site.recorded_only)
    return Name(language, prompt_of(operator), text, reader(text, speaking))


def clip_of(operator: OperatorEntry, sounds: Manifest) -> Clip | None:
    """None where his name has no audio, or that of somebody who had the number before."""
    clip = next(iter(operator.languages)), prompt_of(operator)
    return clip if sounds.text(*clip) == _text(operator) else None


def _text(operator: OperatorEntry) -> str:
    return unicodedata.normalize("NFC", operator.name)
