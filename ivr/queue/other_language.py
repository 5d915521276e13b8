"""Another language for a caller who waits: offered, never imposed; each in its own words, as in the menu of languages.

When nobody on duty speaks his own he is told so at once, else after a long wait (`other_language_s` in site.toml).
"""

from collections.abc import Collection, Sequence

from ivr.audio.audible import Clip
from ivr.site.site import Site

NOBODY, BUSY, STAY = "language_nobody", "language_busy", "stay_on_line"
_OPTION = "language_option"
_KEYS = ("1", "2", "3")
"""More than three languages one after the other nobody keeps in mind."""

TEXTS = (NOBODY, BUSY, STAY, _OPTION, *(f"press_{key}" for key in _KEYS))


def languages(site: Site, own: str, spoken: Collection[str]) -> dict[str, str]:
    """By key, those of his language's fallback chain that somebody on duty speaks, best first."""
    chain = (each for each in site.fallback_chain(own) if each in spoken and each in site.languages and each != own)
    return dict(zip(_KEYS, chain, strict=False))


def clips(own: str, others: dict[str, str], *, nobody: bool) -> Sequence[Clip]:
    """`others` by key; `nobody`: on duty speaks his own."""
    said: list[Clip] = [(own, NOBODY if nobody else BUSY)]
    for key, language in others.items():
        said += [(language, _OPTION), (language, f"press_{key}")]
    return [*said, (own, STAY)]
