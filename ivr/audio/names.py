"""The operators' names as prompts and clips."""

import unicodedata
from collections.abc import Iterable

from ivr.audio.audible import Clip
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from prompts.manifest import Manifest
from prompts.names import Name, reader


def prompt_of(operator: OperatorEntry) -> str:
    """Return the prompt id of an operator's name; its recording is `recordings/<first language>/name_1001.wav`."""
    return f"name_{operator.id}"


def names(operators: Iterable[OperatorEntry], site: Site) -> tuple[Name, ...]:
    """Return one name prompt per operator, in their first language.

    If that language's voice cannot read the script of the name, the first one that can does: of the site's fallback
    chain, then of all its languages.
    """
    return tuple(_name(operator, site) for operator in operators)


def _name(operator: OperatorEntry, site: Site) -> Name:
    language, text = next(iter(operator.languages)), _text(operator)
    others = (*site.fallback_chain(language), *site.languages)
    with_voice = (code for code in (language, *others) if code not in site.recorded_only)
    return Name(language, prompt_of(operator), text, reader(text, with_voice))


def clip_of(operator: OperatorEntry, sounds: Manifest) -> Clip | None:
    """Return the clip of an operator's name, None if it has no audio, or only that of a previous operator."""
    clip = next(iter(operator.languages)), prompt_of(operator)
    return clip if sounds.text(*clip) == _text(operator) else None


def _text(operator: OperatorEntry) -> str:
    return unicodedata.normalize("NFC", operator.name)
