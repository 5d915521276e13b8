"""The app_queue configuration that we compare with, the variants that were tried, and a model of app_queue's rule.

docs/decisions/0014-the-app-queue-that-we-compare-with.md has the reasons, and what each variant gains.
"""

import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routing.match import Decision, Decisions, Reason, Waiting
from routing.states import Operator, OperatorState


@dataclass(frozen=True, slots=True)
class Plan:
    """A queue for each language. `weights`: an operator who could serve callers of two queues gets the heavier one
    first. `penalties`: by language, then operator; of the free operators the one with the lowest penalty is rung, then
    the one idle longest."""

    weights: Mapping[str, int]
    penalties: Mapping[str, Mapping[str, int]]


BEST = "rarity+scarcity"
"""The fewer speakers, the heavier the queue; an operator's penalty grows with the rarity of their other languages."""

USUAL = "rarity+further"
"""The obvious configuration: an operator's first language before their others."""

VARIANTS = {
    "nothing": "no weights, no penalties",
    "further": "no weights, penalty for further languages",
    "scarcity": "no weights, penalty by scarcity",
    "rarity": "weight by rarity, no penalties",
    USUAL: "weight by rarity, penalty for further languages",
    BEST: "weight by rarity, penalty by scarcity",
}


def plan_of(variant: str, languages: Sequence[str], team: Sequence[Operator]) -> Plan:
    weights = rarity(languages, team) if "rarity" in variant else dict.fromkeys(languages, 0)
    penalties = scarcity(languages, team) if "scarcity" in variant else first_or_not(languages, team)
    if not ("scarcity" in variant or "further" in variant):
        penalties = {language: dict.fromkeys(item, 0) for language, item in penalties.items()}
    return Plan(weights, penalties)


def rarity(languages: Sequence[str], team: Sequence[Operator]) -> dict[str, int]:
    """Return the weights: 0 for the language with most speakers; equal numbers of speakers weigh the same."""
    counts = speakers(languages, team)
    steps = sorted({*counts.values()}, reverse=True)
    return {language: steps.index(count) for language, count in counts.items()}


def scarcity(languages: Sequence[str], team: Sequence[Operator]) -> dict[str, dict[str, int]]:
    """Return what an operator's other languages lose while they talk: the sum of 1 / √speakers, in thousandths."""
    counts = speakers(languages, team)
    return {
        language: {
            operator.id: round(1000 * sum(counts[other] ** -0.5 for other in operator.languages if other != language))
            for operator in team
            if language in operator.languages
        }
        for language in languages
    }


def first_or_not(languages: Sequence[str], team: Sequence[Operator]) -> dict[str, dict[str, int]]:
    """Return the usual penalties: 0 for an operator's first language, 1 for their others."""
    return {
        language: {
            operator.id: int(next(iter(operator.languages)) != language)
            for operator in team
            if language in operator.languages
        }
        for language in languages
    }


def speakers(languages: Sequence[str], team: Sequence[Operator]) -> dict[str, int]:
    return {language: sum(language in operator.languages for operator in team) for language in languages}


class AppQueue:
    """A model of app_queue's rule for pairing, without the half second that app_queue needs to look.

    A queue per language, first come first served. An operator who could serve several gets a caller of the heaviest;
    of equally heavy queues the one that happens to look first, which is chance. Of several operators the lowest penalty
    goes first, then the least recent.
    """

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan, self._chance = plan, random.Random(seed)
        self._waiting: dict[str, deque[str]] = {language: deque() for language in plan.penalties}
        self._free: dict[str, Operator] = {}

    def set_operator(self, operator: Operator) -> None:
        if operator.state is OperatorState.READY:
            self._free[operator.id] = operator
        else:
            self._free.pop(operator.id, None)

    def wait(self, waiting: Waiting) -> None:
        self._waiting[waiting.steps[0].language].append(waiting.call)

    def leave(self, call: str) -> None:
        raise NotImplementedError("nobody gives up in the reference case")

    def decide(self, now: float) -> Decisions:
        pairs: list[Decision] = []
        while True:
            able = [
                language
                for language, calls in self._waiting.items()
                if calls and any(language in item.languages for item in self._free.values())
            ]
            if not able:
                return Decisions(tuple(pairs), None)
            heaviest = max(self._plan.weights[language] for language in able)
            language = self._chance.choice([item for item in able if self._plan.weights[item] == heaviest])
            penalties = self._plan.penalties[language]
            able_to = [item for item in self._free.values() if language in item.languages]
            operator = min(able_to, key=lambda item: (penalties[item.id], item.since))
            del self._free[operator.id]
            call = self._waiting[language].popleft()
            pairs.append(Decision(call, operator.id, _reason(language, now - operator.since)))


def _reason(language: str, idle_s: float) -> Reason:
    """A value that the simulation does not read."""
    return Reason(0.0, 0, 1, idle_s, 1, 0, language, 5, None)


def queues_conf(plan: Plan) -> str:
    text = GENERAL
    for language, members in plan.penalties.items():
        text += f"\n[{language}](language)\nweight = {plan.weights[language]}\n"
        text += "".join(f"member => PJSIP/{operator},{penalty}\n" for operator, penalty in members.items())
    return text


def extensions_conf(numbers: Mapping[str, str]) -> str:
    """Return the dialplan. `numbers`: what callers of each language dial. `wait` leads to the bare controller."""
    text = "[general]\nstatic = yes\nwriteprotect = yes\n\n[hatif-operators]\n\n[hatif-carrier]\n"
    text += "exten => wait,1,Stasis(bench,wait)\n"
    for language, number in numbers.items():
        text += f"exten => {number},1,Answer()\n same => n,Queue({language})\n same => n,Hangup()\n"
    return text


GENERAL = """[general]
persistentmembers = no
autofill = yes
shared_lastcall = yes
log_membername_as_agent = no

[language](!)
strategy = leastrecent
musicclass = hatif
timeout = 15
retry = 1
timeoutpriority = app
timeoutrestart = no
wrapuptime = 0
memberdelay = 0
ringinuse = no
autopause = no
joinempty = yes
leavewhenempty = no
announce-frequency = 0
announce-holdtime = no
announce-position = no
periodic-announce-frequency = 0
reportholdtime = no
servicelevel = 20
"""
