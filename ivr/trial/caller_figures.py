"""The figures of a caller's minute: a value for each language, what is wanted, and whether it is kept."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.flow.file import AnyNode
from ivr.site.operators import OperatorEntry
from ivr.trial.ground import OPERATOR, Ground, GroundError
from ivr.trial.moments import Moment, What, find_moments
from ivr.trial.sounds import UNMADE
from ivr.trial.trial import TrialResult

LANGUAGE_S, NAMED_S = 3.0, 5.0
"""Until callers have heard their own language; until then if the institution's name comes first."""
MENU_S, OPERATOR_S, QUEUED_S, STEP_S, PICK_UP_S = 12.0, 9.0, 50.0, 25.0, 1.2
_OFTEN = 20
"""More often than any flow asks."""
PROCEDURE, PROCEDURE_KEYS = "passport", 2


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of each language.

    `unit`: "s" or "keys"; `wanted`: None where nothing is; a value is None where the moment never comes.
    """

    name: str
    definition: str
    unit: str
    wanted: float | None
    values: Mapping[str, float | None]

    def kept(self, language: str) -> bool:
        value = self.values[language]
        # What is shown must not contradict the verdict.
        return value is not None and (self.wanted is None or round(value, 1) <= self.wanted)

    @property
    def document(self) -> dict[str, Any]:
        return {
            "figure": self.name,
            "definition": self.definition,
            "unit": self.unit,
            "wanted": self.wanted,
            "values": {language: None if value is None else round(value, 2) for language, value in self.values.items()},
            "kept": {language: self.kept(language) for language in self.values},
        }


def measure(ground: Ground) -> list[Figure]:
    """Return all figures. Raises GroundError if a call fails or a text has no audio."""
    return list(_figures(ground))


def _figures(ground: Ground) -> Iterator[Figure]:
    silent = {language: ground.call(ground.homes[language], "") for language in ground.languages}
    chosen = {language: ground.call(ground.homes[language], ground.keys[language]) for language in ground.languages}
    _require_audio(silent)
    _require_audio(chosen)
    names_first = any(_hears_before_the_menu(result) for result in silent.values())
    yield Figure(
        "own language heard, from home",
        "from the answer until the language menu has offered the caller's language in it, with its key; the caller's "
        "number is of a country whose likeliest language it is",
        "s",
        NAMED_S if names_first else LANGUAGE_S,
        {language: _at(ground, silent[language], language, What.OWN_LANGUAGE) for language in silent},
    )
    yield Figure(
        "language menu to its end, from home",
        "how long the language menu lasts for a caller who presses nothing, without what comes before it",
        "s",
        MENU_S,
        {language: _language_menu_s(silent[language]) for language in silent},
    )
    yield Figure(
        'from the choice of language until "operator" was heard',
        "from the key of the language, pressed as soon as it was heard, until a caller who then presses nothing has "
        "heard the option of an operator, with its key",
        "s",
        OPERATOR_S,
        {language: _between(ground, chosen[language], language, What.PRESSES, What.OPERATOR) for language in chosen},
    )
    yield Figure(
        "nothing pressed at all, until queued",
        "from the answer until a caller who presses nothing waits for an operator",
        "s",
        QUEUED_S,
        {language: _at(ground, silent[language], language, What.QUEUED) for language in silent},
    )
    yield from _careless(ground)
    yield from _procedure(ground)
    yield _pick_up(ground)


def _careless(ground: Ground) -> Iterator[Figure]:
    """Return how soon callers who never do what is asked of them wait for an operator."""
    for name, keys in (("0", "0"), ("*", "*" * _OFTEN), ("wrong keys", "8" * _OFTEN)):
        results = {language: ground.call(ground.homes[language], keys) for language in ground.languages}
        _require_audio(results)
        yield Figure(
            f"only {name} pressed, until queued",
            "as before; the key is pressed at the end of each announcement",
            "s",
            None,
            {language: _at(ground, results[language], language, What.QUEUED) for language in results},
        )


def _procedure(ground: Ground) -> Iterator[Figure]:
    keys = ground.keys_to_procedure(PROCEDURE)
    if keys is None:
        return
    lengths = {}
    for language in ground.languages:
        result = ground.call(ground.homes[language], ground.keys[language] + keys)
        _require_audio({language: result})
        lengths[language] = next(
            (moment.seconds for moment in _after_last_key(ground, result, language) if moment.what is What.HEARS), None
        )
    yield Figure(
        f"{PROCEDURE}: keys after the language",
        f"the fewest keys from the choice of language to the first step of the procedure {PROCEDURE}",
        "keys",
        PROCEDURE_KEYS,
        dict.fromkeys(ground.languages, float(len(keys))),
    )
    yield Figure(
        f"{PROCEDURE}: the first step with its notice",
        "the first announcement after the last of these keys",
        "s",
        STEP_S,
        lengths,
    )


def _pick_up(ground: Ground) -> Figure:
    """Return the longest time for operators whose first language each is, over callers of every language and topic."""
    ways = [""] + [keys for topic in _topics(ground) if (keys := ground.keys_to(_with_topic(topic))) is not None]
    longest = {
        language: max(
            predicted_pick_up(ground, language, caller, f"{ground.keys[caller]}{way}0")
            for caller in ground.languages
            for way in ways
        )
        for language in ground.languages
    }
    return Figure(
        "operator picks up → both can talk",
        "what is said to the operator before the caller is connected; the operator's first language is that of the "
        "column, and the longest of callers of all languages and topics counts",
        "s",
        PICK_UP_S,
        longest,
    )


def predicted_pick_up(ground: Ground, language: str, caller: str, keys: str) -> float:
    """Return the seconds from an operator's answer to the connection with a caller.

    Args:
        language: The operator's first language.
        caller: The caller's language.
        keys: What the caller presses to reach an operator.
    """
    operator = OperatorEntry(OPERATOR.operator, "Sample", {language: 5}, frozenset(), supervisor=False)
    steps = ground.call(ground.homes[caller], keys, answers=OPERATOR, people=(operator,)).steps
    for text in (text for step in steps if step.kind == "whispered" for text in step.data["texts"]):
        audio = ground.stage.version.sounds.audio(language, text)
        if audio is None or audio.source == UNMADE:
            raise GroundError(f"{text} has no audio in {language}; run `hatif prompts build`.")
    offered = next(step.at for step in steps if step.kind == "offered")
    connected = next(step.at for step in steps if step.kind == "connected")
    return connected - offered - OPERATOR.answers_s


def _topics(ground: Ground) -> list[str]:
    topics = (getattr(node, "topic", None) for node in ground.flow.nodes.values())
    return list(dict.fromkeys(topic for topic in topics if topic is not None))


def _with_topic(topic: str) -> Callable[[str, AnyNode], str | None]:
    def reached(name: str, node: AnyNode) -> str | None:
        return "" if getattr(node, "topic", None) == topic else None

    return reached


def _hears_before_the_menu(result: TrialResult) -> bool:
    """Return whether anything is said before the language menu, such as the institution's name."""
    first = next(step for step in result.steps if step.kind == "hears")
    return not any(clip.named_key is not None for clip in first.data["clips"])


def _language_menu_s(result: TrialResult) -> float | None:
    """Return the seconds of the first announcement that names a key."""
    heard = (step.data for step in result.steps if step.kind == "hears")
    return next((data["seconds"] for data in heard if any(clip.named_key is not None for clip in data["clips"])), None)


def _at(ground: Ground, result: TrialResult, language: str, what: What) -> float | None:
    moments = find_moments(result, language, ground.flow)
    return next((moment.at for moment in moments if moment.what is what), None)


def _between(ground: Ground, result: TrialResult, language: str, first: What, second: What) -> float | None:
    begins, ends = _at(ground, result, language, first), _at(ground, result, language, second)
    return ends - begins if begins is not None and ends is not None else None


def _after_last_key(ground: Ground, result: TrialResult, language: str) -> list[Moment]:
    moments = find_moments(result, language, ground.flow)
    last = max((place for place, moment in enumerate(moments) if moment.what is What.PRESSES), default=-1)
    return moments[last + 1 :]


def _require_audio(results: Mapping[str, TrialResult]) -> None:
    """Raise GroundError if seconds are assumed, because a text has no audio."""
    for result in results.values():
        for step in result.steps:
            for clip in step.data["clips"] if step.kind == "hears" else ():
                if not clip.built:
                    raise GroundError(f"{clip.prompt} has no audio in {clip.language}; run `hatif prompts build`.")
