"""How well the idle operators cover each language, and the rare languages that idle speakers are reserved for."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from routing.policy import Policy, needed


class Cover:
    """The number of operators on duty, in all and by language (`speakers`), and of idle ones by language (`free`)."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.on_duty = 0
        self.speakers: dict[str, int] = defaultdict(int)
        self.free: dict[str, int] = defaultdict(int)
        self._needed: dict[str, float] = {}  # by language, how much each idle speaker is needed
        self._computed: dict[tuple[int, int], float] = {}  # how much, by the numbers of idle speakers and of all
        self._uncovered: dict[str, dict[frozenset[str], float]] = defaultdict(dict)  # see `uncovered`
        self._rare: frozenset[str] = frozenset()

    def count_on_duty(self, languages: Iterable[str], change: int) -> None:
        """Count an operator on duty who speaks these languages; `change` is 1 or -1."""
        self.on_duty += change
        for language in languages:
            self.speakers[language] += change
            self._update(language, 0)
        rare = self._policy.rare
        self._rare = frozenset(language for language, count in self.speakers.items() if rare(count, self.on_duty))

    def count_idle(self, languages: Iterable[str], change: int) -> None:
        """Count an idle operator who speaks these languages; `change` is 1 or -1."""
        for language in languages:
            self._update(language, change)

    def uncovers(self, languages: Iterable[str]) -> float:
        """Return what these languages lose if one idle speaker of them is taken."""
        return math.fsum([self._needed[language] for language in languages])

    def uncovered(self, language: str) -> dict[frozenset[str], float]:
        """Return a cache of `uncovers` for operators who serve this language, by all languages that they speak."""
        return self._uncovered[language]

    def needed_with_one_more(self, language: str) -> float:
        """Return how much each idle speaker would be needed if one more of those on duty were idle."""
        if self.free[language]:
            return round(self._needed[language] * self._policy.decay, 12)
        return needed(self._policy, 1, max(1, self.speakers[language]))

    @contextmanager
    def one_more_idle(self, languages: Iterable[str]) -> Iterator[None]:
        """Price operators as if one more speaker of these languages were idle."""
        before = {language: self._needed[language] for language in languages if self.free[language]}
        self._needed.update({language: self.needed_with_one_more(language) for language in before})
        self._uncovered.clear()
        try:
            yield
        finally:
            self._needed.update(before)
            self._uncovered.clear()

    def lowers_others(self, languages: Iterable[str], language: str) -> bool:
        """Return whether one more idle speaker of `languages` would make idle operators less needed for any of them
        except `language`."""
        return any(self._needed.get(other, 0.0) > 0 for other in languages if other != language)

    def is_common(self, language: str) -> bool:
        """Return whether the language has so many speakers that its callers may do without reserved operators."""
        return language not in self._rare and self.speakers[language] > 0

    def reserved_languages(self) -> frozenset[str]:
        """Return the rare languages whose idle speakers are reserved for them now."""
        return frozenset(language for language in self._rare if self.free[language] - 1 < self._policy.spare)

    def unavailable_languages(self, yields: bool) -> set[str]:
        """Return the rare languages whose busy speakers could not serve a caller of another language if they became
        idle, or would release operators who are reserved now. `yields`: the caller does without reserved operators."""
        free, spare = self.free, self._policy.spare
        return {language for language in self._rare if free[language] == spare or (yields and free[language] < spare)}

    def would_be_reserved(self, languages: Collection[str]) -> bool:
        """Return whether a busy speaker of these languages would be reserved if idle."""
        return any(self.free[language] < self._policy.spare for language in self._rare.intersection(languages))

    def reserves_as_many_with(self, languages: Collection[str]) -> bool:
        """Return whether nobody would be released from reservation if a busy speaker of these languages were idle."""
        return all(self.free[language] != self._policy.spare for language in self._rare.intersection(languages))

    def _update(self, language: str, change: int) -> None:
        """Change how many speakers are idle, and how much they are needed; the cache goes only if that changes."""
        free, speakers = self.free[language] + change, self.speakers[language]
        self.free[language] = free
        need = self._computed.get((free, speakers)) if free else 0.0
        if need is None:
            need = self._computed[free, speakers] = needed(self._policy, free, speakers)
        if self._needed.get(language) != need:
            self._needed[language] = need
            self._uncovered.clear()
