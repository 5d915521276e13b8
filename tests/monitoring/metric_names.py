"""The names of metrics: those that exist, and those that an expression uses."""

import re
from functools import cache

from example_facts import facts
from prometheus_client.parser import text_string_to_metric_families

from cli.monitoring.metrics import render

_NAME = re.compile(r"\b(?:hatif|asterisk)_[a-z0-9_]+")

ASTERISK = frozenset({"asterisk_core_uptime_seconds", "asterisk_calls_count", "asterisk_channels_count"})
"""Of Asterisk's own, those that docs/monitoring uses; a test by telephone looks whether this Asterisk has them."""


@cache
def ours() -> frozenset[str]:
    """Return the names of all samples of ours."""
    families = text_string_to_metric_families(render(facts()).decode())
    return frozenset(sample.name for family in families for sample in family.samples)


def used(text: str) -> set[str]:
    """Return the names of metrics in an expression or a text."""
    return set(_NAME.findall(text))
