"""The routing policy as parameters.

docs/routing.md describes it in words, with the alternatives that were tried. Seconds are seconds of waiting; prices are
plain numbers that are only compared with one another.
"""

from collections.abc import Collection
from dataclasses import dataclass

from routing.match import Step

NATIVE = 5
"""The highest level at which an operator speaks a language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Parameters of the policy. All are relative to the operators on duty; none depends on a particular language or a
    number of operators."""

    # Which operator: the lowest price, then the longest idle.

    cover: float = 1.0
    """Weight of the operator's other languages, which fewer idle operators speak once this one is busy. 0: ignored."""

    decay: float = 0.3
    """The factor by which each further idle speaker of a language makes the others less needed: roughly the probability
    that one more is called away before another comes back."""

    rarity: float = 0.01
    """Of two languages with the same number of idle speakers, the one with fewer speakers on duty needs them a little
    more, by this power of their number. It is so small that it only breaks ties. Larger values, up to 0.5, serve rare
    languages a little better and all callers together a little worse (docs/routing.md)."""

    first_language: float = 0.08
    """Price of serving in a language that is not the operator's first. Small: it decides only where cover hardly
    differs. Without it, operators serve in their first language .36 of the time instead of .58, for no gain."""

    level: float = 0.4
    """Price of each level below native: 4 for a call that takes twice as long, where a level costs about a tenth. Below
    0.3, mean waits become longer if lower levels lengthen calls; larger values change hardly anything."""

    unplanned: float = 10.0
    """Price of an operator who is not on the roster now: more than all other terms together for an operator who speaks
    up to nine languages, so that they get a call only if no planned operator can take it."""

    # Which caller: the earliest arrival, adjusted by these.

    target_s: float = 20.0
    """The target answer time; a caller who has waited longer is late."""

    passing: float = 20.0
    """Seconds by which a late caller yields to callers who can still be answered in time. It equals the target, because
    only callers who arrived within it can still be in time. Callers whom few operators can serve would lose most by
    this, so each language gets up to the same number of seconds back as a head start, by the share of operators on duty
    who do not speak it. 0: neither; callers of all languages are served in order of arrival."""

    priority_s: float = 300.0
    """Seconds of waiting that one step of priority counts for. It is more than the 99.9th percentile of waits on a well
    staffed day (256 s), so that higher priorities go first; and finite, so that lower ones do not starve."""

    # Operators reserved for rare languages.

    hold_s: float = 10.0
    """Seconds for which a caller whom others can serve does without operators reserved for a rare language: half the
    target, which leaves the other half for finding and ringing an operator. 0: nobody is reserved."""

    few: int = 4
    """A language with at most this many speakers on duty is rare: with so few, all of them are often busy at once."""

    few_share: float = 0.125
    """And only if they are at most this share of the operators on duty. On a small floor every language has few
    speakers, and reserving them all would leave callers waiting beside idle operators."""

    spare: int = 2
    """The number of idle speakers reserved for each rare language."""

    # Patience of the usual steps.

    prefer_s: float = 30.0
    """Seconds for which the operator who has the open case is insisted on, if they are on duty."""

    relax_s: float = 60.0
    """Seconds for which level and topic are each insisted on: longer than nine callers in ten wait on a usual day."""

    @classmethod
    def plain(cls) -> "Policy":
        """Return the baseline policy: first language first, longest-idle operator, longest-waiting caller."""
        return cls(cover=0, level=0, passing=0, hold_s=0)

    def head_start(self, speakers: int, on_duty: int) -> float:
        """Return the head start in seconds of a language that `speakers` of the operators on duty speak."""
        return self.passing * (1 - speakers / on_duty) if on_duty else self.passing

    def rare(self, speakers: int, on_duty: int) -> bool:
        """Return whether operators are reserved for a language with this many speakers on duty."""
        return 0 < speakers <= min(self.few, self.few_share * on_duty)

    def key(self, since: float, head_start_s: float, priority: int, late: bool) -> float:
        """Return the caller's sort key; the lowest goes first. It does not depend on the operators who are idle."""
        return since - head_start_s - self.priority_s * priority + (self.passing if late else 0.0)

    def bound(self, speakers: Collection[int], on_duty: int) -> float:
        """Return the bound on unfairness in seconds.

        Nobody of the same priority who arrived more than this many seconds after a caller is served before them by an
        operator who could have served both. `speakers`: for each language that a caller waits for, its speakers on
        duty.
        """
        spread = max(speakers, default=0) - min(speakers, default=0)
        return max(self.hold_s, self.passing * spread / max(on_duty, 1) + self.passing)


def needed(policy: Policy, free: int, speakers: int) -> float:
    """Return how much an idle speaker of a language is needed if `free` of `speakers` on duty are idle, this one
    included; it tends to 0 with many idle ones.

    With few speakers, one becomes free seldom, but the language is also asked for seldom: both cancel out, except for
    `rarity`. For its effect see docs/routing.md.
    """
    return round(policy.cover * policy.decay ** (free - 1) / speakers**policy.rarity, 12) if policy.cover else 0.0


def besides(policy: Policy, *, first: bool, level: int, planned: bool = True) -> float:
    """Return the price of an operator without the part for their other languages."""
    price = (0.0 if first else policy.first_language) + policy.level * max(0, NATIVE - level)
    return price if planned else price + policy.unplanned


def total(uncovers: float, besides: float) -> float:
    """Return the price, rounded so that insignificant differences leave the choice to idle time."""
    return round(uncovers + besides, 9)


def usual_steps(
    language: str, level: int, topic: str | None, preferred: str | None = None, policy: Policy | None = None
) -> tuple[Step, ...]:
    """Return the usual steps: the operator who has the open case; level and topic; level only; as a last resort
    anybody who speaks the language at all, as an interpreter. Another language is the caller's choice, never a step."""
    policy = policy or Policy()
    full = Step(language, level, topic, patience=policy.relax_s)
    steps = [full]
    if preferred is not None:
        steps.insert(0, Step(language, level, None, preferred, policy.prefer_s))
    if topic is not None:
        steps.append(Step(language, level, patience=policy.relax_s))
    if level > 1:
        steps.append(Step(language, patience=policy.relax_s))
    last = steps.pop()
    return (*steps, Step(last.language, last.level, last.topic, last.operator))
