"""Our part of an administrator's other files: the fallback's queues, music, and our users of AMI and ARI."""

import re
from collections.abc import Collection
from pathlib import Path

from asterisk_conf.conf import Conf, render

OTHERS = ("queues.conf", "musiconhold.conf", "manager.conf", "ari.conf", "modules.conf")
"""Their files beside `extensions.conf` and `pjsip.conf` of which we have a part."""

_GENERAL = re.compile(r"^\[general\]\n(?:(?!\[).*\n)*", re.MULTILINE)
_STATE = "HATIF"


def part_of(file: str) -> str:
    """Return the name of our part of a file of theirs."""
    return f"hatif-{file}"


def include(file: str) -> str:
    """Return the line with which theirs includes our part; without our part it does nothing."""
    return f"#tryinclude {part_of(file)}"


def other_parts(conf: Conf, music: Path, channelvars: str, modules: Collection[str]) -> dict[str, str]:
    """Return the text of each part by the name of their file; it depends on nothing in theirs.

    Args:
        music: The folder of the music on hold.
        channelvars: The variables that their ari.conf has in each event, if any; ours comes in addition.
        modules: Those that the line needs and their Asterisk does not load by itself.
    """
    written = render(conf)
    variables = [name.strip() for name in channelvars.split(",") if name.strip() not in ("", _STATE)]
    loads = "".join(f"load = {name}.so\n" for name in modules)
    return {
        "queues.conf": _GENERAL.sub("", written["queues.conf"]),
        "musiconhold.conf": f"; Written by hatif.\n[hatif]\nmode = files\ndirectory = {music}\nsort = alpha\n",
        "manager.conf": _GENERAL.sub("", written["manager.conf"]),
        "ari.conf": f"{_GENERAL.sub('', written['ari.conf'])}\n; Every event about a channel has its call's state.\n"
        f"[general](+)\nchannelvars = {','.join([*variables, _STATE])}\n",
        "modules.conf": f"; Written by hatif.\n[modules](+)\n{loads}",
    }
