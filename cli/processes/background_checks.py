"""The checks of what works beside the calls: pages and their telephones, voices that are made, messages that are
written down."""

from collections.abc import Mapping
from typing import Any

from cli.processes.check import START, Check, Phrase, phrase
from cli.speech.state import Doing as Writing
from cli.speech.state import State as TextState
from ivr.home.settings import EXAMPLE
from ivr.site import site as site_file
from ivr.site.site import Site
from prompts.progress import Doing, Progress

PICTURE_S = 15.0
"""Age from which pages show an old picture; while all is well it is a few seconds, as counts are."""

FIGURES_S = 60.0
"""Age from which a wallboard shows old figures; they are read every 10 s."""


def check_pages(counts: Mapping[str, float] | None) -> Check:
    """Check that the desk's pages show the line as it is. `counts`: of the desk; None: it does not run."""
    if counts is None:
        return Check("pages", False, False, phrase("nobody has pages: the desk does not run"), START)
    if "picture_age_s" not in counts:
        return Check("pages", True, False, phrase("the desk is starting"))
    picture_s, figures_s = counts["picture_age_s"], counts["figures_age_s"]
    remedy = "see log/desk.log; the desk asks the controller again by itself"
    if picture_s > PICTURE_S:
        found = phrase("the pages have shown the same picture of the line for %(seconds)d s", seconds=round(picture_s))
        return Check("pages", False, False, found, remedy)
    if counts["failing_parts"]:
        found = phrase("parts of the pages that cannot be shown: %(count)d", count=round(counts["failing_parts"]))
        return Check("pages", False, False, found, "see log/desk.log; the other parts go on")
    if figures_s > FIGURES_S:
        found = phrase("a wallboard has had the same figures for %(seconds)d s", seconds=round(figures_s))
        return Check("pages", False, False, found, "see log/desk.log, and whether the database answers")
    shown = phrase("as the line is; browsers that follow it: %(count)d", count=round(counts["browsers"]))
    return Check("pages", True, False, shown)


def check_reading(counts: Mapping[str, float] | None) -> list[Check]:
    """Check that nobody searches, or opens files, without end. `counts`: of the desk; None: it does not run."""
    if counts is None or "reading_alarms" not in counts:
        return []  # the check of the pages says so
    if not counts["reading_alarms"]:
        return [Check("reading", True, False, phrase("nobody has searched or opened too much within an hour"))]
    found = phrase(
        "people who searched or opened too much within an hour, and were paused: %(count)d",
        count=round(counts["reading_alarms"]),
    )
    return [Check("reading", False, False, found, "see who with `hatif audit --act read_paused`, and ask them why")]


def check_gate(counts: Mapping[str, float] | None) -> Check:
    """Check that browser telephones reach Asterisk. `counts`: of the gate; None: it does not run."""
    if counts is None:
        return Check("browser telephones", False, False, phrase("they cannot connect: their gate does not run"), START)
    if "loop_age_s" not in counts:
        return Check("browser telephones", True, False, phrase("their gate is starting"))
    if counts["loop_age_s"] > PICTURE_S:
        hangs = phrase("their gate has done nothing for %(seconds)d s", seconds=round(counts["loop_age_s"]))
        return Check("browser telephones", False, False, hangs, "end the process `gate`; another one is started")
    if counts["asterisk_refuses"]:
        refused = phrase("Asterisk does not take them")
        return Check(
            "browser telephones", False, False, refused, "see asterisk/log/asterisk.log; they try again by themselves"
        )
    return Check("browser telephones", True, False, phrase("connected: %(count)d", count=round(counts["telephones"])))


def check_prompts(missing: Mapping[str, Any] | None) -> list[Check]:
    """Check that callers hear what the flow says. `missing`: as the controller describes it; None: it does not say."""
    if missing is None:
        return []
    menus, others = missing["menus"], missing["others"]
    if not menus and not others:
        return [Check("prompts", True, True, phrase("all that the flow says has audio"))]
    counts = {"count": sum(menus.values()) + sum(others.values()), "languages": ", ".join(sorted({*menus, *others}))}
    found = (
        phrase("texts that the flow says without audio: %(count)d (%(languages)s); it is being made", **counts)
        if missing["builds"]
        else phrase("texts that the flow says without audio: %(count)d (%(languages)s)", **counts)
    )
    return [Check("prompts", False, bool(menus), found, "run `hatif prompts build`, and see what it says")]


def check_consulates(samples: Mapping[str, int], site: Site) -> list[Check]:
    """Check that callers of live numbers hear no consulate that nobody has confirmed.

    The numbers of the example are nobody's: they are not live.

    Args:
        samples: How many of the consulates that callers may hear are samples, by country.
    """
    if not samples:
        return []
    nobodys = {entry.number for entry in site_file.load(EXAMPLE).number} if EXAMPLE.is_dir() else set[str]()
    live = {entry.country for entry in site.number if entry.number not in nobodys}  # None: several countries share it
    count = sum(found for country, found in samples.items() if country in live or None in live)
    if not count:
        return []
    found = phrase("consulates that are samples, and that callers of live numbers hear: %(count)d", count=count)
    remedy = "write the real ones into consulates.csv: `hatif check` names them"
    return [Check("consulates", False, False, found, remedy)]


def check_voices(made: Progress) -> Check:
    """Check the slow voices that are made in the background."""
    if made.stays:
        found = "; ".join(f"{language} keeps its quick voice: {reason}" for language, reason in made.stays.items())
        return Check("voices", False, False, found, "see `hatif prompts status`")
    match made.doing:
        case Doing.ENDED:
            found = phrase("none is being made")
        case Doing.QUICK:
            found = phrase(
                "missing audio is made, %(done)d of %(of)d; callers hear another language meanwhile",
                done=made.done,
                of=made.of,
            )
        case Doing.FETCHING:
            done, of = round(made.done / 1e6), round(made.of / 1e6)
            found = phrase("the voice's model is downloaded: %(done)d of %(of)d MB", done=done, of=of)
        case Doing.WAITING:
            found = phrase("another checkout makes them")
        case _:
            found = _voices_made(made)
    return Check("voices", True, False, found)


def _voices_made(made: Progress) -> Phrase:
    """Return how far the voice of a language is."""
    counts: dict[str, str | int] = {"language": made.language or "", "done": made.done, "of": made.of}
    minutes = None if made.left_s is None else max(1, round(made.left_s / 60))
    match made.doing:
        case Doing.CHECKING:
            return phrase("%(language)s: all %(of)d made, and checked now", language=made.language or "", of=made.of)
        case Doing.PAUSED if minutes is not None:
            return phrase(
                "%(language)s: %(done)d of %(of)d made, about %(minutes)d min left;"
                " paused while calls need the machine",
                **counts,
                minutes=minutes,
            )
        case Doing.PAUSED:
            return phrase("%(language)s: %(done)d of %(of)d made; paused while calls need the machine", **counts)
    if minutes is None:
        return phrase("%(language)s: %(done)d of %(of)d made", **counts)
    return phrase("%(language)s: %(done)d of %(of)d made, about %(minutes)d min left", **counts, minutes=minutes)


def check_message_texts(texts: TextState | None, runs: bool) -> Check:
    """Check the process that gives voice messages their texts."""
    if not runs:
        return Check(
            "message texts", False, False, phrase("nothing writes down voice messages: it does not run"), START
        )
    if texts is None:
        return Check("message texts", True, False, phrase("what writes down voice messages is starting"))
    if texts.why is not None:
        counts = f"{texts.waiting} wait, {texts.written} have one, {texts.without} are left without"
        return Check(
            "message texts", False, False, f"{texts.why}; of the messages {counts}", "see `hatif speech status`"
        )
    return Check("message texts", True, False, _texts_written(texts))


def _texts_written(texts: TextState) -> Phrase:
    """Return what the process does, and how many messages have their texts."""
    counts = {"waiting": texts.waiting, "written": texts.written, "without": texts.without}
    match texts.doing:
        case Writing.FETCHING:
            return phrase(
                "the recogniser is downloaded; messages that wait: %(waiting)d, with a text: %(written)d,"
                " left without: %(without)d",
                **counts,
            )
        case Writing.TRANSCRIBING:
            return phrase(
                "a message is being written down; messages that wait: %(waiting)d, with a text: %(written)d,"
                " left without: %(without)d",
                **counts,
            )
        case Writing.PAUSED:
            return phrase(
                "paused while calls need the machine; messages that wait: %(waiting)d, with a text: %(written)d,"
                " left without: %(without)d",
                **counts,
            )
    return phrase("messages that wait: %(waiting)d, with a text: %(written)d, left without: %(without)d", **counts)
