"""A new password of one telephone in `pjsip.conf`, with all else as Asterisk has it."""

import re

from asterisk_conf import checks


def with_password(text: str, operator: str, password: str) -> str | None:
    """Return our `pjsip.conf` with another password for an operator's telephone; None if it has no such telephone.

    Raises:
        AsteriskError: Asterisk could not read the password.
    """
    checks.secret(f"Operator {operator}", password)
    section = rf"^\[{re.escape(operator)}\]\(operator-auth\)\nusername = {re.escape(operator)}\npassword = "
    changed, count = re.subn(rf"({section}).*$", lambda found: found[1] + password, text, flags=re.MULTILINE)
    return changed if count == 1 else None
