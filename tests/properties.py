"""Hypothesis settings for property tests: no deadline, since the machine may be busy with telephones.

The usual run tries a third of the examples, `scripts/test --long` all.
"""

import os

from hypothesis import HealthCheck, settings

_ALL = bool(os.environ.get("HATIF_TEST_LONG"))
_USUAL = 100


def examples(count: int) -> int:
    """Return how many examples of so many are tried."""
    return count if _ALL else count // 3


def load() -> None:
    """Have all property tests use these settings, but for what they say themselves."""
    settings.load_profile("patient")


settings.register_profile("patient", deadline=None, max_examples=examples(_USUAL))
patient = settings(settings.get_profile("patient"), suppress_health_check=[HealthCheck.too_slow])
