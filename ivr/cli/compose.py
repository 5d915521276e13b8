"""From the site to what the other packages want: Asterisk's configuration, the dialplan, the database's address."""

import getpass
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

from asterisk_conf.conf import Carrier, Conf, Endpoint, Ports, Queue, Secrets
from asterisk_conf.install import find_or_install
from asterisk_conf.progress import Progress
from dialplan.codes import Code
from dialplan.plan import Number, Plan, render
from ivr import clock, credentials, operators, settings, site
from ivr.codes import table
from ivr.codes.clashes import code_clashes
from prompts.voices.choice import Choice, choose


class Composition:
    """All parts of one installation, read when they are asked for."""

    def __init__(self) -> None:
        clock.prepare()
        self.settings = settings.read()

    @cached_property
    def site(self) -> site.Site:
        return site.load(self.settings.site)

    @cached_property
    def voices(self) -> Choice:
        """The voices that the site switched on, and which of them are not there."""
        return choose(self.site.voices, self.settings.voices)

    @cached_property
    def operators(self) -> tuple[operators.OperatorEntry, ...]:
        return operators.load(self.settings.site, self.site.languages)

    @cached_property
    def credentials(self) -> credentials.Credentials:
        return credentials.load(self.settings.home, tuple(each.id for each in self.operators))

    @property
    def database_url(self) -> str:
        return self.settings.database_url(self.site.database.url)

    async def read(self, query: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        """What a function of `db.read` finds, as plain data."""
        from db.engine import async_engine

        engine = async_engine(self.database_url)
        try:
            found = await query(engine, *arguments, **named)
        finally:
            await engine.dispose()
        return [asdict(each) for each in found] if isinstance(found, list) else asdict(found)

    @cached_property
    def plan(self) -> Plan:
        """Raises SiteError where two codes cannot be told apart."""
        chosen = self.site
        if clashes := code_clashes(self.settings.site, chosen, self.operators):
            raise site.SiteError(*clashes)
        return Plan(
            node=chosen.node,
            numbers=tuple(
                Number(each.number, each.country, chosen.language_order(each.country)[0]) for each in chosen.number
            ),
            languages=chosen.language_order(None),
            operators=tuple(each.id for each in self.operators),
            ring_s=int(chosen.operators.ring_s),
            address=chosen.operators.address,
            codes=self.codes,
        )

    @property
    def codes(self) -> tuple[Code, ...]:
        """What operators' telephones may dial."""
        digits = self.site.codes.digits.items()
        return tuple(Code(name, dialled, bool(table.CODES[name].argument)) for name, dialled in digits)

    @property
    def extensions(self) -> Path:
        return self.settings.home / "asterisk" / "etc" / "extensions.conf"

    def dialplan(self) -> str:
        return render(self.plan)

    def conf(self, progress: Progress) -> Conf:
        """Asterisk's configuration; installs Asterisk where there is none."""
        chosen, secrets = self.site, self.credentials
        # Tests and neighbours share one unpacked Asterisk.
        where = Path(os.environ.get("HATIF_INSTALL") or self.settings.home)
        return Conf(
            home=self.settings.home,
            node=chosen.node,
            ports=Ports.with_offset(self.settings.offset),
            carriers=tuple(
                Carrier(each.name, each.hosts, each.codecs, each.dial if each.name == chosen.callbacks.trunk else None)
                for each in chosen.carrier
            ),
            endpoints=tuple(
                Endpoint(each.id, each.name, secrets.operators[each.id], tuple(each.languages))
                for each in self.operators
            ),
            queues=tuple(
                Queue(f"hatif-{language}", tuple(each.id for each in self.operators if language in each.languages))
                for language in chosen.languages
            ),
            secrets=Secrets(secrets.ari_user, secrets.ari_password, secrets.ami_user, secrets.ami_password),
            installation=find_or_install(where, progress),
            sip_bind=chosen.sip_bind,
            wrap_up_s=int(chosen.operators.wrap_up_s),
            rtp_timeout_s=chosen.operators.rtp_timeout_s,
            sip_answer_s=chosen.silence.answer_s,
        )

    def ask_controller(self, method: str, path: str, body: object = None) -> object:
        """What the control API answers. Raises ControlError; ControllerAwayError if nobody is there."""
        import urllib.error
        import urllib.request

        port = self.settings.control_port
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.credentials.control_token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.UNAUTHORIZED:
                raise ControlError(
                    f"The controller on 127.0.0.1:{port} does not take the token of "
                    f"{self.settings.home / 'secrets.json'}: it runs with other secrets. Is HATIF_HOME the one that it "
                    "was started with?"
                ) from None
            raise ControlError(_detail(error.read())) from None
        except (OSError, ValueError):
            raise ControllerAwayError(
                f"The controller does not answer on 127.0.0.1:{port}. Is it running (`hatif status`)? "
                "Start it with `hatif up`."
            ) from None


def account() -> str:
    """The account of the machine that gives a command, for records and audit."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # which one, depends on the Python
        return "administrator"


class ControlError(Exception):
    """A sentence that says why a live thing could not be asked or changed."""


class ControllerAwayError(ControlError):
    """Nobody answers: what is on disk may still be told."""


def _detail(text: bytes) -> str:
    try:
        detail = json.loads(text)["detail"]
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:300]
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in detail)
    return str(detail)
