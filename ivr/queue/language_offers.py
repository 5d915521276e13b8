"""Another language for a waiting caller: offered, never imposed, each in its own words as in the language menu.

It is offered at once if nobody on duty speaks the caller's language, otherwise after a long wait (`other_language_s` in
site.toml).
"""

from collections.abc import Collection, Sequence

from ivr.audio.audible import Clip
from ivr.call.choice import key_text
from ivr.site.site import Site

NOBODY, BUSY = "language_nobody", "language_busy"
_OPTION = "language_option"
_KEYS = ("1", "2")
"""More languages would take longer than ten seconds to hear; 9 leads to all of them."""

TEXTS = (NOBODY, BUSY, _OPTION, *(key_text(key, short=True) for key in _KEYS))


def languages(site: Site, own: str, spoken: Collection[str]) -> dict[str, str]:
    """Return by key the languages in the fallback chain of `own` that somebody on duty speaks, best first."""
    chain = (code for code in site.fallback_chain(own) if code in spoken and code in site.languages and code != own)
    return dict(zip(_KEYS, chain, strict=False))


def clips(own: str, others: dict[str, str], *, nobody: bool) -> Sequence[Clip]:
    """Return the offer of `others` (by key). `nobody`: nobody on duty speaks `own`."""
    result: list[Clip] = [(own, NOBODY if nobody else BUSY)]
    for key, language in others.items():
        result += [(language, _OPTION), (language, key_text(key, short=True))]
    return result
