"""Findings of `hatif check` about texts that last too long in some language."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ivr.site.findings import Finding
from ivr.site.site import Site
from prompts import catalogue, manifest
from prompts.catalogue import Catalogues
from prompts.lengths import Length, lengths
from prompts.sources import Sources


def length_findings(written: Sources, texts: Catalogues, sounds: Path, site: Site) -> Iterator[Finding]:
    """Yield a finding for each text that is too long in any language of the site, in the order of the catalogues.

    `written`: the places of the English texts. Of a text without audio, the length is estimated.
    """
    heard = manifest.load_if_any(sounds / manifest.FILE)
    long: dict[str, list[Length]] = {}
    for language in site.languages:
        for length in lengths(texts, heard, language):
            if round(length.seconds, 1) > site.longest_text_s:
                long.setdefault(length.id, []).append(length)
    for prompt in texts.ids:
        if found := long.get(prompt):
            file, line = _place(prompt, written, texts)
            remedy = "shorten it, or divide it where the flow or the guide allows"
            limit = f"longest_text_s is {site.longest_text_s:g}"
            yield Finding("W_TEXT_LONG", file, line, f"{prompt} lasts {_seconds(found)}; {limit}", remedy)


def _place(prompt: str, written: Sources, texts: Catalogues) -> tuple[str, int]:
    source, entry = written.get(prompt), texts.entry(catalogue.SOURCE, prompt)
    if source is not None:
        return str(source.file), source.line
    return str(texts.file(catalogue.SOURCE)), entry.line if entry is not None else 1


def _seconds(found: Sequence[Length]) -> str:
    """Return the seconds of each language, longest first: `34.3 s in ar, about 25 s in nl (no audio yet)`."""
    ordered = sorted(found, key=lambda length: -length.seconds)
    measured = [f"{item.seconds:.1f} s in {item.language}" for item in ordered if item.audio is not None]
    guessed = [f"about {item.seconds:.0f} s in {item.language}" for item in ordered if item.audio is None]
    if guessed:
        guessed[-1] += " (estimated, without audio)"
    return ", ".join((*measured, *guessed))
