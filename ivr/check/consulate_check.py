"""Findings of `hatif check` about the consulates that callers hear: their texts, and the countries that have none."""

from collections.abc import Collection, Iterator
from pathlib import Path

from ivr.site.consulates import FILE, Consulates
from ivr.site.findings import Finding, count_and_name
from ivr.site.site import Site


def consulate_findings(
    folder: Path, site: Site | None, listed: Consulates, known_texts: Collection[str]
) -> Iterator[Finding]:
    """Yield what is wrong with the consulates of a site whose flow speaks of them.

    Args:
        site: None: its countries are not known, and not checked.
        known_texts: The ids of all texts; none: they are not checked.
    """
    path = str(folder / FILE)
    for entry in listed.entries:
        for text in dict.fromkeys(entry.text_ids):
            if known_texts and text not in known_texts:
                found = f"the consulate says {text!r}, which is in no catalogue"
                yield Finding("E_CONSULATE_TEXT", path, entry.line, found, "write that text in texts.yaml")
    served = [number.country for number in site.number if number.country is not None] if site is not None else []
    if missing := [country for country in dict.fromkeys(served) if not listed.of(country)]:
        found = f"callers of {count_and_name(missing)} hear that they have no consulate"
        yield Finding("W_CONSULATE_MISSING", path, 1, found, "write a line for each of these countries")
    if samples := listed.samples:
        names = [f"{entry.country} {entry.city}" for entry in samples]
        found = f"{count_and_name(names)} of {len(listed.entries)} consulates are samples, and callers hear them"
        remedy = "write the real addresses and numbers, and the status confirmed"
        yield Finding("W_CONSULATE_SAMPLE", path, samples[0].line, found, remedy)
