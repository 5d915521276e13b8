"""Derive from the site what other packages need: Asterisk's configuration, the dialplan, the database's address."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import output
from cli.control import ControlApi
from cli.control import ControlError as ControlError
from cli.control import ControllerAwayError as ControllerAwayError
from cli.control import account as account
from cli.running_lines import choose_home
from ivr.home import credentials, settings
from ivr.home.credentials import Credentials
from ivr.model import clock
from ivr.model.endpoints import TRY_TELEPHONES
from ivr.site.findings import Finding, SiteError
from prompts import site_files

if TYPE_CHECKING:
    from asterisk_conf.conf import Conf, Ports
    from asterisk_conf.installation import Installation
    from asterisk_conf.progress import Progress
    from asterisk_conf.sip import Sip
    from dialplan.codes import Code
    from dialplan.plan import Plan
    from ivr.site.operators import OperatorEntry
    from ivr.site.site import Site
    from prompts.voices.choice import Choice

# Imports in functions: every command has these parts, and few need the whole site, Asterisk's configuration or the
# dialplan.


class Composition:
    """The parts of one installation, each read on first use."""

    def __init__(self, *, bound: bool = True, fresh: bool = False, running: bool = True) -> None:
        """Read the settings.

        Args:
            bound: Whether the environment must match the one that the line was set up with; False to read any site.
            fresh: Whether the environment replaces the one that the line was set up with.
            running: Whether to use the running line if `HATIF_HOME` is not set (`running_lines`).
        """
        clock.prepare()
        if running:
            choose_home()
        self.settings = settings.read(bound=bound, fresh=fresh)

    @cached_property
    def site(self) -> "Site":
        from ivr.site import site

        found = site.load(self.settings.site)
        output.times_in(found.hours.timezone)
        return found

    @cached_property
    def voices(self) -> "Choice":
        """The voices that the site has, by default or by choice, and which of them are not installed."""
        from prompts.voices.choice import choose, wanted

        spoken = [language for language in self.site.languages if language not in self.site.recorded_only]
        names = wanted(self.site.voices, spoken, slow=not self.settings.quick_voices)
        return choose(names, self.settings.voices)

    @cached_property
    def operators(self) -> "tuple[OperatorEntry, ...]":
        from ivr.site import operators

        return operators.load(self.settings.site, self.site.languages)

    @cached_property
    def credentials(self) -> Credentials:
        carriers = tuple(carrier.name for carrier in self.site.carrier if carrier.password)
        return credentials.load(self.settings.home, tuple(operator.id for operator in self.operators), carriers)

    def secret(self, name: str) -> str:
        """Return one of `Credentials` by its name, such as `pin_pepper`."""
        return credentials.kept(self.settings.home, name) or str(getattr(self.credentials, name))

    @property
    def database_url(self) -> str:
        return self.settings.database_url(self.site.database.url)

    async def read(self, query: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        """Return the result of a function of `db.read` as plain data."""
        from db.engine import open_engine  # loads SQLAlchemy, which not every command needs

        async with open_engine(self.database_url) as engine:
            found = await query(engine, *arguments, **named)
        return [asdict(row) for row in found] if isinstance(found, list) else asdict(found)

    def find(self, query: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        """Return what `read` does. Not for use in a running loop."""
        import asyncio  # slow to load, and not every command needs it

        return asyncio.run(self.read(query, *arguments, **named))

    @cached_property
    def plan(self) -> "Plan":
        """The plan of the dialplan. Raises SiteError if feature codes clash."""
        from dialplan.plan import Account, Limits, Number, Plan
        from ivr.check.code_clashes import code_clashes

        chosen = self.site
        if clashes := code_clashes(self.settings.site, chosen, self.operators):
            raise SiteError(*clashes)
        return Plan(
            node=chosen.node,
            numbers=tuple(
                Number(
                    entry.number,
                    entry.country,
                    chosen.language_order(entry.country)[0],
                    early=entry.early,
                )
                for entry in chosen.number
            ),
            languages=chosen.language_order(None),
            operators=tuple(operator.id for operator in self.operators),
            ring_s=int(chosen.operators.ring_s),
            address=chosen.operators.address,
            codes=self.codes,
            accounts=tuple(
                Account(carrier.user, carrier.number)
                for carrier in chosen.carrier
                if carrier.registrar is not None and carrier.user is not None
            ),
            plain_ports=self.plain_ports,
            web_telephones=chosen.desk.enabled,
            tries=chosen.desk.has_try,
            outside=bool(chosen.operators.outside),
            limits=Limits(chosen.limits.calls_by_number, chosen.limits.calls_by_source, self.calls_in_all),
        )

    @property
    def plain_ports(self) -> tuple[int, ...]:
        """The ports of SIP without TLS: ours, and those of the site's own transports."""
        from asterisk_conf import pjsip

        return tuple(sorted({self.ports.sip} | pjsip.plain_ports(pjsip.sections(self.own_pjsip))))

    @property
    def ports(self) -> "Ports":
        from asterisk_conf.conf import Ports

        return Ports.with_offset(self.settings.offset, self.site.sip.audio_ports)

    @property
    def calls_in_all(self) -> int:
        """The number of callers served at once. Each needs a pair of ports, each operator two (one for a colleague).

        Raises SiteError if the operators need all pairs.
        """
        if self.site.limits.calls_in_all is not None:
            return self.site.limits.calls_in_all
        pairs = (self.ports.rtp_last - self.ports.rtp_first + 1) // 2
        if (left := pairs - 2 * len(self.operators)) >= 1:
            return left
        path, people = str(self.settings.site / "operators.csv"), len(self.operators)
        sentence = f"{people} operators leave none of the {pairs} pairs of audio ports to callers"
        remedy = f"write audio_ports = {4 * people + 1000} in [sip] of site.toml, or calls_in_all in [limits]"
        raise SiteError(Finding.from_sentence("E_OPERATOR_PORTS", path, 1, f"{sentence}; {remedy}"))

    @property
    def codes(self) -> "tuple[Code, ...]":
        """The feature codes that operators can dial."""
        from dialplan.codes import Code
        from ivr.codes import table

        digits = self.site.codes.digits.items()
        return tuple(Code(name, dialled, bool(table.CODES[name].argument)) for name, dialled in digits)

    @property
    def extensions(self) -> Path:
        return self.settings.home / "asterisk" / "etc" / "extensions.conf"

    def dialplan(self) -> str:
        from dialplan.plan import render

        return render(self.plan)

    @property
    def install_home(self) -> Path:
        """The folder of the private Asterisk; tests and other lines share one."""
        return Path(os.environ.get("HATIF_INSTALL") or self.settings.home)

    def conf(self, progress: "Progress") -> "Conf":
        """Return Asterisk's configuration; install Asterisk if there is none."""
        from asterisk_conf.install import find_or_install

        return self._conf(find_or_install(self.install_home, progress, self.settings.asterisk), self.credentials)

    @property
    def installed(self) -> "Installation | None":
        from asterisk_conf.install import find

        return find(self.install_home, named=self.settings.asterisk)

    @property
    def built(self) -> datetime | None:
        """When the installed Asterisk was built, from its program's file time; None if it is not installed."""
        installation = self.installed
        if installation is None:
            return None
        program = next(
            (part for part in installation.program if Path(part).name == "asterisk"), installation.program[0]
        )
        return datetime.fromtimestamp(Path(program).stat().st_mtime, UTC)

    def conf_of_existing(self) -> "Conf":
        """Return the configuration for an administrator's own Asterisk, without browser telephones.

        Creates secrets that are missing.
        """
        from asterisk_conf.install import nothing_installed

        conf = self._conf(nothing_installed(self.install_home), self.credentials)
        # Nothing is bound, and none of our transports is named: it has its own.
        endpoints = tuple(replace(endpoint, outside=False) for endpoint in conf.endpoints)
        conf = replace(conf, endpoints=endpoints, web_telephones=False, try_telephones=(), bans=False, networks=())
        return replace(conf, sip_bind="0.0.0.0", sip=replace(conf.sip, bind_ipv6=""))  # noqa: S104

    def conf_as_installed(self) -> "Conf":
        """Return Asterisk's configuration for checks, without installing anything or creating a secret."""
        from asterisk_conf.install import nothing_installed

        placeholder = "x" * 32
        passwords = dict.fromkeys((operator.id for operator in self.operators), placeholder)
        carriers = dict.fromkeys((carrier.name for carrier in self.site.carrier), placeholder)
        ours = ("hatif", placeholder, "hatif", placeholder, placeholder, placeholder)
        secrets = Credentials(*ours, passwords, carriers, outer=carriers)
        return self._conf(self.installed or nothing_installed(self.install_home), secrets)

    def _conf(self, installation: "Installation", secrets: Credentials) -> "Conf":
        from asterisk_conf.carrier import Carrier
        from asterisk_conf.conf import Conf, Endpoint, Queue, Secrets

        chosen = self.site
        return Conf(
            home=self.settings.home,
            node=chosen.node,
            ports=self.ports,
            carriers=tuple(
                Carrier(
                    carrier.name,
                    carrier.hosts,
                    carrier.codecs,
                    dial=carrier.dial if carrier.name in chosen.callbacks.trunks else (),
                    trust_identity=carrier.trust_identity,
                    password=secrets.carriers[carrier.name] if carrier.password else None,
                    nat=carrier.nat,
                    srtp=carrier.srtp,
                    most_calls=carrier.calls_by_source or chosen.limits.calls_by_source,
                    ipv6=carrier.ipv6,
                    transport=carrier.transport,
                    registrar=carrier.registrar,
                    user=carrier.user,
                    user_in_from=carrier.user_in_from,
                    user_password=self._outer_password(secrets, carrier.name) if carrier.user is not None else None,
                )
                for carrier in chosen.carrier
            ),
            endpoints=tuple(
                Endpoint(
                    operator.id,
                    operator.name,
                    secrets.operators[operator.id],
                    tuple(operator.languages),
                    chosen.operators.is_outside(operator.id),
                )
                for operator in self.operators
            ),
            queues=tuple(
                Queue(f"hatif-{language}", tuple(entry.id for entry in self.operators if language in entry.languages))
                for language in chosen.languages
            ),
            secrets=Secrets(secrets.ari_user, secrets.ari_password, secrets.ami_user, secrets.ami_password),
            installation=installation,
            sip_bind=chosen.sip_bind,
            wrap_up_s=int(chosen.operators.wrap_up_s),
            rtp_timeout_s=chosen.operators.rtp_timeout_s,
            own_pjsip=self.own_pjsip,
            sip_answer_s=chosen.silence.answer_s,
            web_telephones=chosen.desk.enabled,
            try_telephones=TRY_TELEPHONES if chosen.desk.has_try else (),
            networks=self.telephone_networks,
            cdr=chosen.call_records.cdr,
            sip=self._sip(),
        )

    def _outer_password(self, secrets: Credentials, carrier: str) -> str:
        """Return our password at a carrier. Raises SiteError if nobody has entered it."""
        if carrier in secrets.outer:
            return secrets.outer[carrier]
        raise SiteError(*self._missing_passwords(frozenset(secrets.outer)))

    def _missing_passwords(self, known: frozenset[str]) -> list[Finding]:
        from ivr.site.site import line_in

        path, found = self.settings.site / "site.toml", []
        for index, carrier in enumerate(self.site.carrier):
            if carrier.user is not None and carrier.name not in known:
                line = line_in(site_files.text(path), ("carrier", index, "user"))
                what = f"our password at the carrier {carrier.name!r} is not known"
                remedy = f"enter it with `hatif carriers password {carrier.name}`"
                found.append(Finding("E_CARRIER_PASSWORD", str(path), line, what, remedy))
        return found

    def _sip(self) -> "Sip":
        """Return what SIP has besides UDP and TCP. Raises SiteError if the certificate cannot be used."""
        from asterisk_conf.sip import Sip
        from ivr.site import certificate

        chosen, folder = self.site.sip, self.settings.site
        found = certificate.read(folder, chosen) if chosen.certificate is not None else None
        return Sip(
            certificate=found.certificate if found is not None else "",
            key=found.key if found is not None else "",
            authorities=certificate.authorities(folder, chosen) if found is not None else None,
            bind_ipv6=chosen.bind_ipv6 or "",
            external_address=chosen.external_address or "",
            own_networks=chosen.own_networks,
        )

    @property
    def telephone_networks(self) -> tuple[str, ...]:
        """The networks of telephones that need not be encrypted; empty if no other machine reaches this one."""
        from ipaddress import ip_address

        chosen = self.site
        if ip_address(chosen.sip_bind).is_loopback and chosen.sip.bind_ipv6 is None:
            return ()
        return tuple(dict.fromkeys((*chosen.sip.own_networks, *chosen.operators.networks, "127.0.0.0/8", "::1/128")))

    @property
    def browser_networks(self) -> tuple[str, ...]:
        """The networks of telephones in browsers; empty if the site names none: they are encrypted in any case."""
        if not self.site.operators.networks:
            return ()
        named = (*self.site.sip.own_networks, *self.site.operators.networks)
        return tuple(dict.fromkeys((*named, "127.0.0.0/8", "::1/128")))

    @property
    def own_pjsip(self) -> str:
        """The site's own `pjsip.conf`, if it has one. Raises SiteError if it cannot be read."""
        path = self.settings.site / "pjsip.conf"
        try:
            return site_files.text(path)
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            sentence = f"cannot be read ({error}); it must be a UTF-8 text file"
            raise SiteError(Finding.from_sentence("E_PJSIP_FILE", str(path), 1, sentence)) from None

    def findings(self) -> list[Finding]:
        """Return findings about the site's own `pjsip.conf`, passwords at carriers, and the number of ports.

        Returns nothing for a site that cannot be read; other checks report that.
        """
        from asterisk_conf.conf import own_findings

        try:
            carriers, people = [item.name for item in self.site.carrier], [item.id for item in self.operators]
        except SiteError:
            return []
        path, found = str(self.settings.site / "pjsip.conf"), []
        try:
            faults = own_findings(self.own_pjsip, carriers, people)
            found += [Finding(fault.code, path, fault.line, fault.found, fault.remedy) for fault in faults]
        except SiteError as error:
            found += error.findings
        if (known := credentials.known_outer(self.settings.home)) is not None:
            found += self._missing_passwords(known)
        try:
            _ = self.calls_in_all
        except SiteError as error:
            found += error.findings
        return found

    @property
    def control(self) -> ControlApi:
        """The control API of this line's controller."""
        return ControlApi(self.settings.control_port, self.secret("control_token"), self.settings.home / "secrets.json")

    def ask_controller(self, method: str, path: str, body: object = None) -> object:
        """Return the control API's answer. Raises ControlError; ControllerAwayError if nothing answers."""
        return self.control.ask(method, path, body)
