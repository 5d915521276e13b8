"""One check of `hatif status`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `fatal`: while it is not `ok`, calls are not served."""

    name: str
    ok: bool
    fatal: bool
    found: str
    remedy: str = ""
