"""Findings about the age of the installed Asterisk, for `hatif check`."""

from collections.abc import Iterator
from datetime import datetime

from asterisk_conf import apt, install
from asterisk_conf.debian import ASTERISK
from asterisk_conf.errors import AsteriskError
from asterisk_conf.installation import NEWER, OLD
from cli.asterisk_parts import AsteriskParts
from ivr.site.findings import Finding


def findings(parts: AsteriskParts, now: datetime) -> Iterator[Finding]:
    """Yield a warning for a release that is old, and for a private one that is not the tested one.

    Yields nothing without an Asterisk: `hatif setup` brings one, and `hatif up` says what is wrong with one.
    """
    try:
        found, built = parts.installed, parts.built
    except AsteriskError:
        return
    if found is None or built is None:
        return
    program = next((part for part in found.program if part.endswith("/asterisk")), found.program[0])
    if now - built > OLD:
        sentence = f"Asterisk {found.version} was built on {built:%Y-%m-%d} and lacks a year of security fixes"
        yield Finding("W_ASTERISK_OLD", program, 1, sentence, f"install a newer release, {NEWER}")
    if found.kind == "private":
        root = install.private_root(parts.install_home)
        if different := apt.outdated(root, ASTERISK, reported=True):
            count = f"{len(different)} packages are" if len(different) > 1 else "a package is"
            sentence = f"{count} not what Hatif was tested with ({different[0]})"
            yield Finding("W_ASTERISK_UNTESTED", str(root / apt.MARKER), 1, sentence, "run `hatif asterisk upgrade`")
