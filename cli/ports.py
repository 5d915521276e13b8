"""The ports that `hatif up` needs and cannot have."""

from collections.abc import Collection

from asterisk_conf import instance
from asterisk_conf.conf import Conf
from cli.asterisk_parts import AsteriskParts
from ivr.home import existing


def taken_ports(parts: AsteriskParts, conf: Conf, alive: Collection[str] = ()) -> list[str]:
    """Return a sentence for each port that is taken and not by the line itself.

    Args:
        alive: The processes of the line that run already.
    """
    control = ("TCP", "127.0.0.1", parts.settings.control_port, "control API")
    problems = instance.port_problems_beside(conf, control) if not alive else []
    if existing.read(parts.settings.home) is None and "asterisk" not in alive:
        problems = [*instance.asterisk_port_problems(conf), *problems]
    return problems
