"""`hatif operators phone`: what to enter in an operator's softphone, and a new password for it."""

import asyncio
from dataclasses import dataclass

import typer

from asterisk_conf.conf import OPERATOR_CODECS
from asterisk_conf.files import write_text
from asterisk_conf.pjsip import with_password
from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError, account
from cli.output import JSON, as_json, as_table, console, errors
from cli.upkeep.registrations import remove_registrations
from cli.upkeep.up_calls import manager
from ivr.asterisk.ami import AmiError
from ivr.home import credentials
from office.delivery import keep


@dataclass(frozen=True, slots=True)
class Renewal:
    """The result of giving a telephone a new password.

    Attributes:
        in_force: Whether Asterisk has it. Otherwise `remedy` says what brings it.
        removed: How many registrations with the former password were removed.
    """

    in_force: bool
    removed: int = 0
    remedy: str = ""


def phone(
    operator: str = typer.Argument(help="The operator's id."),
    new: bool = typer.Option(
        False, "--new", help="Give the telephone a new password; the former one is wrong at once. No call is cut off."
    ),
    json: bool = JSON,
) -> None:
    """Show what to enter in an operator's softphone: user, password, server, transport, digits, codecs."""
    parts = AsteriskParts()
    password = parts.credentials.operators.get(operator)
    if password is None or operator not in {entry.id for entry in parts.operators}:
        raise ControlError(f"There is no operator {operator}; `hatif operators` lists them.")
    renewal = None
    if new:
        password = credentials.renew(parts.settings.home, operator)
        renewal = asyncio.run(_bring_into_force(parts, operator, password))
        _audit(parts, operator, renewal)
    data = {
        "user": operator,
        "password": password,
        **_way(parts, operator),
        "digits": "RFC 4733 (RTP events); else SIP INFO, or in-band tones",
        "codecs": ", ".join(OPERATOR_CODECS),
    }
    if json:
        renewed = {"renewed": {"in_force": renewal.in_force, "removed": renewal.removed}} if renewal else {}
        as_json({**data, **renewed})
    else:
        as_table(f"Telephone of {operator}", ("setting", "value"), data.items())
    if renewal is None:
        return
    if not renewal.in_force:
        errors.print(f"hatif: {renewal.remedy}", style="yellow", markup=False, soft_wrap=True)
    elif not json:
        console.print("The former password is no longer valid; the telephone must register with the new one.")


def _way(parts: AsteriskParts, operator: str) -> dict[str, str]:
    """Return how a telephone reaches us, and what must be encrypted."""
    host = "127.0.0.1" if parts.site.sip_bind == "0.0.0.0" else parts.site.sip_bind  # noqa: S104 - compared only
    if not parts.site.operators.is_outside(operator):
        return {"server": f"{host}:{parts.ports.sip}", "transport": "UDP or TCP"}
    outside = parts.site.sip.external_address or host
    server = f"{outside}:{parts.ports.sips}, or a name of the certificate in place of the address"
    return {"server": server, "transport": "TLS", "encryption": "SRTP (SDES), required"}


async def _bring_into_force(parts: AsteriskParts, operator: str, password: str) -> Renewal:
    """Give Asterisk the new password, and remove what is registered with the former one.

    Nothing else that was changed in the site comes into force: that is for `hatif reload`.
    """
    path = parts.extensions.with_name("pjsip.conf")
    if not path.exists():
        return Renewal(in_force=False, remedy="Asterisk's files are not here; load them with `hatif pjsip load`.")
    text = with_password(path.read_text(encoding="utf-8"), operator, password)
    if text is None:
        return Renewal(in_force=False, remedy="Asterisk does not know this operator yet; run `hatif reload`.")
    write_text(path, text, 0o600)
    try:
        async with manager(parts) as ami:
            await ami.reload("res_pjsip.so")
            return Renewal(in_force=True, removed=await remove_registrations(parts, ami, [operator], web=False))
    except AmiError as error:
        remedy = f"The new password comes into force when Asterisk starts ({error}); if it runs, repeat this."
        return Renewal(in_force=False, remedy=remedy)


def _audit(parts: AsteriskParts, operator: str, renewal: Renewal) -> None:
    row = {
        "by": account(),
        "act": "telephone_password",
        "about": f"operator:{operator}",
        "data": {"in_force": renewal.in_force, "removed": renewal.removed},
    }
    away = keep(parts.settings.journal, parts.site.node, parts.database_url, [("audit", row)])
    if away is not None:
        errors.print(f"hatif: the audit's record follows once the database is back: {away}", markup=False)
