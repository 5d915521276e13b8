"""How properties are tried: the machine may be busy with telephones, and a slow run is no counter-example."""

from hypothesis import HealthCheck, settings

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
