"""What is said outside the flow and no catalogue has: findings of `hatif check`.

Whoever takes over the code and keeps an older catalogue would otherwise hear nothing there.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from ivr.callbacks import prompts
from ivr.codes import table
from ivr.site.findings import Finding, count_and_name
from ivr.site.site import Site, line_in
from ivr.talk.operator_requests import Refusal
from ivr.talk.whisper import WAITED, WORDS
from prompts import site_files

TALK = (
    *(each.value for each in Refusal),
    *(text for _, text in WAITED),
    *WORDS.values(),
    *("talk_back", "talk_colleague_gone", "talk_no_answer", "talk_transferred"),
)
"""What is said in conversations. Not the names of topics and countries: a site has those that it wants to be said."""


def said_text_findings(folder: Path, site: Site, known: Collection[str]) -> list[Finding]:
    """W_CODE_TEXT, W_TALK_TEXT, and of a site that calls back W_CALLBACK_TEXT. `known`: the ids of all texts; none
    where they could not be read."""
    if not known:
        return []
    path = folder / "site.toml"
    text = site_files.text(path)
    found = []

    def look(code: str, wanted: Sequence[str], who: str, *place: str) -> None:
        missing = [each for each in dict.fromkeys(wanted) if each not in known]
        if missing:
            what = f"{count_and_name(missing)} of {len(dict.fromkeys(wanted))} texts that {who} are in no catalogue"
            remedy = "write them in texts.yaml, as the example site does"
            found.append(Finding(code, str(path), line_in(text, place), what, remedy))

    if site.codes.digits:
        pauses = site.operators.pauses
        who = "codes say, such as the reasons of pauses,"
        look("W_CODE_TEXT", table.texts(site.languages, pauses), who, "operators", "pauses")
    look("W_TALK_TEXT", TALK, "are said in conversations", "operators")
    if site.callbacks.trunk is not None:
        look("W_CALLBACK_TEXT", prompts.TEXTS, "are said to whom we call back, and to operators,", "callbacks", "trunk")
    return found
