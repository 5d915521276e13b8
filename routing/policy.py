"""The policy by which callers and operators are brought together, in figures that a site may change.

In words, with what was tried: docs/routing.md. Seconds are seconds of waiting; prices are bare numbers that are only
compared with one another.
"""

from collections.abc import Collection
from dataclasses import dataclass

from routing.match import Step

NATIVE = 5
"""The highest level at which an operator speaks a language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All of it is relative to who is on duty; nothing here knows a language or a number of operators."""

    # Which operator: the least price, then the longest idle.

    cover: float = 1.0
    """Weight of what an operator uncovers: the other languages that he speaks and nobody idle will. 0: ignored."""

    decay: float = 0.3
    """By how much each further idle speaker of a language makes the next one less needed: the chance, roughly, that he
    too is called away before anybody comes back."""

    rarity: float = 0.01
    """Of languages with as many idle speakers, the one with fewer on duty needs them a little more, by this power of
    their number: so small that it decides only between operators who are alike in all else. Larger, up to a half, it
    serves rare languages a little better and all together a little worse (docs/routing.md)."""

    first_language: float = 0.08
    """Price of serving in a language that is not his first. Small: it decides only where cover hardly differs. Without
    it, operators serve in their first language .36 of the time instead of .58, for nothing."""

    level: float = 0.4
    """Price of each level below native: 4 for a call that takes twice as long, a level costing about a tenth. With less
    than 0.3 mean waits become longer where levels lengthen calls; more changes hardly anything."""

    unplanned: float = 10.0
    """Price of an operator whom the roster does not have on duty now: more than all else together for one who speaks up
    to nine languages, so that he has a call only if nobody who is planned can have it."""

    # Which caller: the earliest, after these.

    target_s: float = 20.0
    """Within how long callers should be answered; who has waited longer is late."""

    passing: float = 20.0
    """By how many seconds who is late already yields to who can still be in time: the target, since only those who came
    within it can still be. It is taken most often from those whom few operators can serve, so a language gets as much
    back as a head start, by the share of the operators on duty who do not speak it. 0: neither, and callers of all
    languages go in the order of their coming."""

    priority_s: float = 300.0
    """By how much one step of priority counts as waited. More than the longest wait in a thousand of a well staffed
    day (256 s), so that the higher one goes first; and an end, so that the lower one does not starve."""

    # Who is kept for a rare language.

    hold_s: float = 10.0
    """For how long a caller with other helpers does without an operator who is kept for a rare language: half the
    target, so that the other half is left for finding and ringing somebody. 0: nobody is kept."""

    few: int = 4
    """A language with at most this many speakers on duty is rare: with so few, all of them are often busy at once."""

    few_share: float = 0.125
    """And only if that is at most this share of the operators on duty. On a small floor each language has few speakers,
    and to keep them all would leave callers waiting beside idle operators."""

    spare: int = 2
    """How many idle speakers are kept for each rare language."""

    # What the usual needs relax after.

    prefer_s: float = 30.0
    """How long the operator who has the open file is insisted on, if he is on duty."""

    relax_s: float = 60.0
    """How long level and topic are each insisted on: longer than nine callers in ten wait on a usual day."""

    @classmethod
    def plain(cls) -> "Policy":
        """Primary language first, longest-idle operator, longest-waiting caller: what others are measured against."""
        return cls(cover=0, level=0, passing=0, hold_s=0)

    def head_start(self, speakers: int, on_duty: int) -> float:
        """Seconds by which a caller is preferred, whose language `speakers` of the operators on duty speak."""
        return self.passing * (1 - speakers / on_duty) if on_duty else self.passing

    def rare(self, speakers: int, on_duty: int) -> bool:
        """Whether a language that so many of the operators on duty speak is one that operators are kept for."""
        return 0 < speakers <= min(self.few, self.few_share * on_duty)

    def key(self, since: float, head_start_s: float, priority: int, late: bool) -> float:
        """The lower, the earlier his turn; the same whoever decides."""
        return since - head_start_s - self.priority_s * priority + (self.passing if late else 0.0)

    def bound(self, speakers: Collection[int], on_duty: int) -> float:
        """Nobody of the same priority who came more than this many seconds after a caller is served before him by an
        operator who could have served both. `speakers`: of each language that somebody waits for."""
        spread = max(speakers, default=0) - min(speakers, default=0)
        return max(self.hold_s, self.passing * spread / max(on_duty, 1) + self.passing)


def needed(policy: Policy, free: int, speakers: int) -> float:
    """How much an idle speaker of a language is needed, where `free` are idle, him included, of `speakers` on duty;
    nothing, once there are many.

    Of few speakers one comes back seldom, but their language is asked for seldom as well: both cancel out, but for
    `rarity`. By what it brings: docs/routing.md.
    """
    return round(policy.cover * policy.decay ** (free - 1) / speakers**policy.rarity, 12) if policy.cover else 0.0


def besides(policy: Policy, *, first: bool, level: int, planned: bool = True) -> float:
    """What taking an operator costs besides what he uncovers."""
    price = (0.0 if first else policy.first_language) + policy.level * max(0, NATIVE - level)
    return price if planned else price + policy.unplanned


def total(uncovers: float, besides: float) -> float:
    """The price, rounded, so that differences that mean nothing leave the choice to idle time."""
    return round(uncovers + besides, 9)


def needs(
    language: str, level: int, topic: str | None, preferred: str | None = None, policy: Policy | None = None
) -> tuple[Step, ...]:
    """The usual steps: the operator who has the open file; all that is needed; without the topic; and as a last resort
    whoever speaks the language at all, as an interpreter. Another language is the caller's own choice, never a step."""
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
