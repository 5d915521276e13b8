"""That a line takes no new calls, and where Asterisk keeps it: the dialplan reads it without a controller, too."""

from dataclasses import dataclass
from datetime import datetime

FAMILY = "hatif-hours"
"""Of AstDB: the opening hours as well."""
KEY, REFUSE = "drain", "drain_refuse"
"""Keys of the family; the second one is there while the dialplan refuses new calls of carriers."""


@dataclass(frozen=True, slots=True)
class Drain:
    """That no new calls are taken. `refuse`: carriers get 503 for them; otherwise callers hear that it is closed."""

    refuse: bool
    since: datetime
    by: str
