"""The parts of one installation that commands share: settings, site, operators, secrets, database, controller."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cli import output
from cli.control import ControlApi
from cli.control import ControlError as ControlError
from cli.control import ControllerAwayError as ControllerAwayError
from cli.control import account as account
from cli.running_lines import choose_home
from ivr.home import credentials, settings
from ivr.home.credentials import Credentials
from ivr.model import clock
from ivr.site import operators, site
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from prompts.voices.choice import Choice, choose, wanted


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
    def site(self) -> Site:
        loaded = site.load(self.settings.site)
        output.times_in(loaded.hours.timezone)
        return loaded

    @cached_property
    def voices(self) -> Choice:
        """The voices that the site has, by default or by choice, and which of them are not installed."""
        spoken = [language for language in self.site.languages if language not in self.site.recorded_only]
        names = wanted(self.site.voices, spoken, slow=not self.settings.quick_voices)
        return choose(names, self.settings.voices)

    @cached_property
    def operators(self) -> tuple[OperatorEntry, ...]:
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
        # SQLAlchemy: 25 MB of memory in each process of the line, most of which never open the database.
        from db.engine import open_engine

        async with open_engine(self.database_url) as engine:
            answer = await query(engine, *arguments, **named)
        return [asdict(row) for row in answer] if isinstance(answer, list) else asdict(answer)

    def find(self, query: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        """Return what `read` does. Not for use in a running loop."""
        return asyncio.run(self.read(query, *arguments, **named))

    @property
    def extensions(self) -> Path:
        return self.settings.home / "asterisk" / "etc" / "extensions.conf"

    @property
    def install_home(self) -> Path:
        """The folder of the private Asterisk; tests and other lines share one."""
        return Path(os.environ.get("HATIF_INSTALL") or self.settings.home)

    @property
    def telephone_networks(self) -> tuple[str, ...]:
        """The networks of telephones that need not be encrypted; empty if no other machine reaches this one."""
        if ip_address(self.site.sip_bind).is_loopback and self.site.sip.bind_ipv6 is None:
            return ()
        named = (*self.site.sip.own_networks, *self.site.operators.networks)
        return tuple(dict.fromkeys((*named, "127.0.0.0/8", "::1/128")))

    @property
    def browser_networks(self) -> tuple[str, ...]:
        """The networks of telephones in browsers; empty if the site names none: they are encrypted in any case."""
        if not self.site.operators.networks:
            return ()
        named = (*self.site.sip.own_networks, *self.site.operators.networks)
        return tuple(dict.fromkeys((*named, "127.0.0.0/8", "::1/128")))

    @property
    def control(self) -> ControlApi:
        """The control API of this line's controller."""
        return ControlApi(self.settings.control_port, self.secret("control_token"), self.settings.home / "secrets.json")

    def ask_controller(self, method: str, path: str, body: object = None) -> object:
        """Return the control API's answer. Raises ControlError; ControllerAwayError if nothing answers."""
        return self.control.ask(method, path, body)
