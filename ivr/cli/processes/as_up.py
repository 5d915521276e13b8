"""What `hatif up` would refuse, for `hatif check`: the same code runs, but installs, writes and starts nothing."""

from collections.abc import Iterator

from asterisk_conf import conf as configuration
from asterisk_conf import instance
from asterisk_conf.errors import AsteriskError
from db.engine import DatabaseError, parse_url
from dialplan.lint import lint
from dialplan.plan import PlanError
from ivr.cli.composition import Composition
from ivr.process.process import processes
from ivr.site.findings import Finding
from ivr.site.site import SiteError, line_in
from prompts import site_files


def findings(parts: Composition) -> Iterator[Finding]:
    """Yield E_UP_REFUSED for what would be refused; ports are tried only while nothing runs in this HATIF_HOME.

    A site that cannot be read gives nothing: the check of its files says why.
    """
    path = parts.settings.site / "site.toml"
    try:
        conf = parts.conf_as_installed()
        sentences = [str(each) for each in lint(parts.dialplan()) if each.is_error]
        configuration.render(conf)
    except SiteError:
        return
    except (AsteriskError, PlanError) as error:
        yield Finding.told("E_UP_REFUSED", str(path), 1, f"`hatif up` refuses it: {error}")
        return
    for sentence in sentences:
        yield Finding.told("E_UP_REFUSED", str(path), 1, f"`hatif up` refuses its dialplan: {sentence}")
    try:
        parse_url(parts.database_url)
    except DatabaseError as error:
        # What site.toml says of it is in the check of the files.
        if parts.settings.database is not None:
            yield Finding.told("E_UP_REFUSED", "HATIF_DATABASE", 1, str(error).replace(": ", "; ", 1))
    if not any(process.alive for process in processes(parts.settings.run).values()):
        for problem in instance.port_problems(conf, ("TCP", "127.0.0.1", parts.settings.control_port, "control API")):
            found, _, remedy = problem.removesuffix(".").partition(": ")
            yield Finding("E_UP_REFUSED", str(path), line_in(site_files.text(path), ("sip_bind",)), found, remedy)
