"""What `hatif up` would refuse, for `hatif check`: the same checks; nothing is installed, written or started."""

from collections.abc import Iterator

from asterisk_conf import conf as configuration
from asterisk_conf import instance
from asterisk_conf.errors import AsteriskError
from cli.asterisk_parts import AsteriskParts
from db.engine import DatabaseError, parse_url
from dialplan.lint import lint
from dialplan.plan import PlanError
from ivr.process.process import processes
from ivr.site.findings import Finding
from ivr.site.site import SiteError, line_in
from prompts import site_files


def findings(parts: AsteriskParts) -> Iterator[Finding]:
    """Yield an E_UP_REFUSED finding for each refusal; ports are tried only while nothing runs in this HATIF_HOME.

    Yields nothing for a site that cannot be read; the check of its files says why.
    """
    path = parts.settings.site / "site.toml"
    try:
        conf = parts.conf_as_installed()
        sentences = [str(finding) for finding in lint(parts.dialplan()) if finding.is_error]
        configuration.render(conf)
    except SiteError:
        return
    except (AsteriskError, PlanError) as error:
        yield Finding.from_sentence("E_UP_REFUSED", str(path), 1, f"`hatif up` refuses it: {error}")
        return
    for sentence in sentences:
        yield Finding.from_sentence("E_UP_REFUSED", str(path), 1, f"`hatif up` refuses its dialplan: {sentence}")
    try:
        parse_url(parts.database_url)
    except DatabaseError as error:
        # The check of the files covers an address in site.toml.
        if parts.settings.database is not None:
            yield Finding.from_sentence("E_UP_REFUSED", "HATIF_DATABASE", 1, str(error).replace(": ", "; ", 1))
    if not any(process.alive for process in processes(parts.settings.run).values()):
        for problem in instance.port_problems(conf, ("TCP", "127.0.0.1", parts.settings.control_port, "control API")):
            found, _, remedy = problem.removesuffix(".").partition(": ")
            yield Finding("E_UP_REFUSED", str(path), line_in(site_files.text(path), ("sip_bind",)), found, remedy)
