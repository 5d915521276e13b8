"""The time zone of a country, by the table of the IANA data in the package tzdata.

Where a country has several, it is the first of that table, in which most of its people live: Lisbon's for Portugal,
Madrid's for Spain.
"""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

_TABLE = "zoneinfo/zone.tab"


@cache
def _main_zones() -> dict[str, str]:
    """Return the name of each country's main zone, by ISO code."""
    found: dict[str, str] = {}
    for line in resources.files("tzdata").joinpath(_TABLE).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, zone)
    return found


def main_zone(country: str) -> ZoneInfo | None:
    """Return the main time zone of a country (ISO code), None if the table does not have the country."""
    name = _main_zones().get(country)
    return ZoneInfo(name) if name is not None else None
