"""The parts of one installation that Asterisk is configured with: its files, and the dialplan."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from asterisk_conf import install, pjsip
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, Endpoint, Ports, Queue, Secrets, own_findings
from asterisk_conf.installation import Installation
from asterisk_conf.progress import Progress
from asterisk_conf.sip import Sip
from cli.composition import Composition
from dialplan.codes import Code
from dialplan.plan import Account, Limits, Number, Plan, render
from ivr.check.code_clashes import code_clashes
from ivr.codes import table
from ivr.home import credentials
from ivr.home.credentials import Credentials
from ivr.model.endpoints import TRY_TELEPHONES
from ivr.site import certificate
from ivr.site.findings import Finding
from ivr.site.site import SiteError, line_in
from prompts import site_files


class AsteriskParts(Composition):
    """The parts of one installation, for commands that configure Asterisk, load its dialplan or ask it."""

    @cached_property
    def plan(self) -> Plan:
        """The plan of the dialplan. Raises SiteError if feature codes clash."""
        site = self.site
        if clashes := code_clashes(self.settings.site, site, self.operators):
            raise SiteError(*clashes)
        return Plan(
            node=site.node,
            numbers=tuple(
                Number(
                    entry.number,
                    entry.country,
                    site.language_order(entry.country)[0],
                    early=entry.early,
                )
                for entry in site.number
            ),
            languages=site.language_order(None),
            operators=tuple(operator.id for operator in self.operators),
            ring_s=int(site.operators.ring_s),
            address=site.operators.address,
            codes=self.codes,
            accounts=tuple(
                Account(carrier.user, carrier.number)
                for carrier in site.carrier
                if carrier.registrar is not None and carrier.user is not None
            ),
            plain_ports=self.plain_ports,
            web_telephones=site.desk.enabled,
            tries=site.desk.has_try,
            outside=bool(site.operators.outside),
            limits=Limits(site.limits.calls_by_number, site.limits.calls_by_source, self.calls_in_all),
        )

    @property
    def plain_ports(self) -> tuple[int, ...]:
        """The ports of SIP without TLS: ours, and those of the site's own transports."""
        return tuple(sorted({self.ports.sip} | pjsip.plain_ports(pjsip.sections(self.own_pjsip))))

    @property
    def ports(self) -> Ports:
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
    def codes(self) -> tuple[Code, ...]:
        """The feature codes that operators can dial."""
        digits = self.site.codes.digits.items()
        return tuple(Code(name, dialled, bool(table.CODES[name].argument)) for name, dialled in digits)

    def dialplan(self) -> str:
        return render(self.plan)

    def conf(self, progress: Progress) -> Conf:
        """Return Asterisk's configuration; install Asterisk if there is none."""
        return self._conf(
            install.find_or_install(self.install_home, progress, self.settings.asterisk), self.credentials
        )

    @property
    def installed(self) -> Installation | None:
        return install.find(self.install_home, named=self.settings.asterisk)

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

    def conf_of_existing(self) -> Conf:
        """Return the configuration for an administrator's own Asterisk, without browser telephones.

        Creates secrets that are missing.
        """
        conf = self._conf(install.nothing_installed(self.install_home), self.credentials)
        # Nothing is bound, and none of our transports is named: it has its own.
        endpoints = tuple(replace(endpoint, outside=False) for endpoint in conf.endpoints)
        conf = replace(conf, endpoints=endpoints, web_telephones=False, try_telephones=(), bans=False, networks=())
        return replace(conf, sip_bind="0.0.0.0", sip=replace(conf.sip, bind_ipv6=""))  # noqa: S104

    def conf_as_installed(self) -> Conf:
        """Return Asterisk's configuration for checks, without installing anything or creating a secret."""
        placeholder = "x" * 32
        passwords = dict.fromkeys((operator.id for operator in self.operators), placeholder)
        carriers = dict.fromkeys((carrier.name for carrier in self.site.carrier), placeholder)
        ours = ("hatif", placeholder, "hatif", placeholder, placeholder, placeholder)
        secrets = Credentials(*ours, passwords, carriers, outer=carriers)
        return self._conf(self.installed or install.nothing_installed(self.install_home), secrets)

    def _conf(self, installation: Installation, secrets: Credentials) -> Conf:
        site = self.site
        return Conf(
            home=self.settings.home,
            node=site.node,
            ports=self.ports,
            carriers=tuple(
                Carrier(
                    carrier.name,
                    carrier.hosts,
                    carrier.codecs,
                    port=carrier.port,
                    dial=carrier.dial if carrier.name in site.callbacks.trunks else (),
                    trust_identity=carrier.trust_identity,
                    password=secrets.carriers[carrier.name] if carrier.password else None,
                    nat=carrier.nat,
                    srtp=carrier.srtp,
                    most_calls=carrier.calls_by_source or site.limits.calls_by_source,
                    ipv6=carrier.ipv6,
                    transport=carrier.transport,
                    registrar=carrier.registrar,
                    user=carrier.user,
                    user_in_from=carrier.user_in_from,
                    user_password=self._outer_password(secrets, carrier.name) if carrier.user is not None else None,
                )
                for carrier in site.carrier
            ),
            endpoints=tuple(
                Endpoint(
                    operator.id,
                    operator.name,
                    secrets.operators[operator.id],
                    tuple(operator.languages),
                    site.operators.is_outside(operator.id),
                )
                for operator in self.operators
            ),
            queues=tuple(
                Queue(f"hatif-{language}", tuple(entry.id for entry in self.operators if language in entry.languages))
                for language in site.languages
            ),
            secrets=Secrets(secrets.ari_user, secrets.ari_password, secrets.ami_user, secrets.ami_password),
            installation=installation,
            sip_bind=site.sip_bind,
            wrap_up_s=int(site.operators.wrap_up_s),
            own_pjsip=self.own_pjsip,
            sip_answer_s=site.silence.answer_s,
            web_telephones=site.desk.enabled,
            try_telephones=TRY_TELEPHONES if site.desk.has_try else (),
            networks=self.telephone_networks,
            cdr=site.call_records.cdr,
            sip=self._sip(),
        )

    def _outer_password(self, secrets: Credentials, carrier: str) -> str:
        """Return our password at a carrier. Raises SiteError if nobody has entered it."""
        if carrier in secrets.outer:
            return secrets.outer[carrier]
        raise SiteError(*self.missing_passwords(frozenset(secrets.outer)))

    def missing_passwords(self, known: frozenset[str]) -> list[Finding]:
        """Return a finding for each carrier that we need a password for; `known`: those that we have one of."""
        path, missing = self.settings.site / "site.toml", []
        for index, carrier in enumerate(self.site.carrier):
            if carrier.user is not None and carrier.name not in known:
                line = line_in(site_files.text(path), ("carrier", index, "user"))
                what = f"our password at the carrier {carrier.name!r} is not known"
                remedy = f"enter it with `hatif carriers password {carrier.name}`"
                missing.append(Finding("E_CARRIER_PASSWORD", str(path), line, what, remedy))
        return missing

    def _sip(self) -> Sip:
        """Return what SIP has besides UDP and TCP. Raises SiteError if the certificate cannot be used."""
        sip, folder = self.site.sip, self.settings.site
        own = certificate.read(folder, sip) if sip.certificate is not None else None
        return Sip(
            certificate=own.certificate if own is not None else "",
            key=own.key if own is not None else "",
            authorities=certificate.authorities(folder, sip) if own is not None else None,
            bind_ipv6=sip.bind_ipv6 or "",
            external_address=sip.external_address or "",
            own_networks=sip.own_networks,
        )

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
        try:
            carriers, people = [item.name for item in self.site.carrier], [item.id for item in self.operators]
        except SiteError:
            return []
        path, findings = str(self.settings.site / "pjsip.conf"), []
        try:
            faults = own_findings(self.own_pjsip, carriers, people)
            findings += [Finding(fault.code, path, fault.line, fault.found, fault.remedy) for fault in faults]
        except SiteError as error:
            findings += error.findings
        if (known := credentials.known_outer(self.settings.home)) is not None:
            findings += self.missing_passwords(known)
        try:
            _ = self.calls_in_all
        except SiteError as error:
            findings += error.findings
        return findings
