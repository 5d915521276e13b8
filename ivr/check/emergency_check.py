"""Findings of `hatif check` about operators whose id is an emergency number: dialling it would ring a colleague."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import phonenumbers
from babel.core import get_global

from ivr.site import table_file
from ivr.site.findings import Finding
from ivr.site.operators import COLUMNS, OperatorEntry
from ivr.site.site import Site

_EVERYWHERE = ("112", "911")
"""What mobile telephones take for emergency calls in any country."""


def emergency_findings(folder: Path, site: Site, people: Sequence[OperatorEntry]) -> Iterator[Finding]:
    """Yield findings about ids that are emergency numbers where the line is, or in a country of its numbers."""
    here: str | None = get_global("zone_territories").get(site.hours.timezone)
    countries = sorted({country for country in (here, *(number.country for number in site.number)) if country})
    path = folder / "operators.csv"
    lines = {cells[0]: line for line, cells in table_file.rows(path, COLUMNS, "E_OPERATOR_FILE")}
    for person in people:
        known = [country for country in countries if phonenumbers.is_emergency_number(person.id, country)]
        if known or person.id in _EVERYWHERE:
            where = f" in {', '.join(known)}" if known else ""
            found = (
                f"the id {person.id} is an emergency number{where}: a telephone that dials it would ring an operator"
            )
            yield Finding("E_OPERATOR_EMERGENCY", str(path), lines[person.id], found, "give the operator another id")
