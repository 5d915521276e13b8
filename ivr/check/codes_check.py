"""Findings of `hatif check` about texts that are played outside the flow and are missing in the catalogues.

After an update of Hatif with older catalogues, these prompts would otherwise be silent.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from ivr.callbacks import prompts
from ivr.codes import table
from ivr.site.findings import Finding, count_and_name
from ivr.site.site import Site, line_in
from ivr.talk.operator_requests import RECORDING_TEXTS, Refusal
from ivr.talk.whisper import WORDS
from prompts import site_files

_TALK = (
    *(refusal.value for refusal in Refusal),
    *WORDS.values(),
    *RECORDING_TEXTS.values(),
    *("talk_back", "talk_colleague_gone", "talk_no_answer", "talk_transferred"),
)


def talk_texts(languages: Collection[str]) -> tuple[str, ...]:
    """Return the texts of conversations, except the names of topics, which have a finding of their own."""
    return (*_TALK, *(f"talk_language_{language}" for language in languages))


def spoken_text_findings(folder: Path, site: Site, known: Collection[str]) -> list[Finding]:
    """Return W_CODE_TEXT, W_TALK_TEXT and, for a site with call-backs, W_CALLBACK_TEXT findings.

    `known`: the ids of all texts, empty if they could not be read.
    """
    if not known:
        return []
    path = folder / "site.toml"
    text = site_files.text(path)
    found = []

    def look(code: str, wanted: Sequence[str], use: str, *place: str) -> None:
        missing = [prompt for prompt in dict.fromkeys(wanted) if prompt not in known]
        if missing:
            what = f"{count_and_name(missing)} of {len(dict.fromkeys(wanted))} texts {use} are in no catalogue"
            remedy = "add them to texts.yaml, as in the example site"
            found.append(Finding(code, str(path), line_in(text, place), what, remedy))

    if site.codes.digits:
        pauses = site.operators.pauses
        use = "of feature codes, such as reasons of pauses,"
        look("W_CODE_TEXT", table.texts(site.languages, pauses), use, "operators", "pauses")
    look("W_TALK_TEXT", talk_texts(site.languages), "of conversations", "operators")
    if site.callbacks.trunk is not None:
        look("W_CALLBACK_TEXT", prompts.TEXTS, "of call-backs", "callbacks", "trunk")
    return found
