"""The checks of what works beside the calls: voices that are made, and messages that are written down."""

from ivr.cli.processes.check import START, Check, Phrase, phrase
from ivr.cli.speech.state import Doing as Writing
from ivr.cli.speech.state import State as TextState
from prompts.progress import Doing, Progress


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
