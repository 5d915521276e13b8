"""Hypothesis settings for property tests: no deadline, since the machine may be busy with telephones."""

from hypothesis import HealthCheck, settings

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
