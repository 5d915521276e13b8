"""Registrations of telephones, removed from the running Asterisk by a command: the controller may be away."""

import asyncio
import base64
import urllib.error
import urllib.request
from collections.abc import Collection
from http import HTTPStatus

from cli.composition import Composition
from ivr.asterisk.ami import Ami, AmiError
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.operations import Request
from ivr.model.endpoints import is_web, web_endpoint
from ivr.telephones.contacts import list_contacts

_ANSWER_S = 5.0


async def remove_registrations(parts: Composition, ami: Ami, operators: Collection[str], *, web: bool) -> int:
    """Remove what is registered as these operators, and return how many telephones that were. Calls go on.

    Args:
        web: Whether their browser telephones are removed as well, with their passwords.

    Raises:
        AmiError: Asterisk did not do it.
    """
    contacts = [contact for contact in await list_contacts(ami, operators) if web or not is_web(contact.endpoint)]
    for contact in contacts:
        await _ask(parts, operations.remove_contact(contact.endpoint, contact.uri))
    if web:
        for operator in operators:
            await _ask(parts, operations.DELETE_OBJECT("res_pjsip", "auth", web_endpoint(operator)))
    return len(contacts)


async def _ask(parts: Composition, request: Request) -> None:
    """Have Asterisk do something; it is not an error if the registration is gone already."""
    secrets = parts.credentials
    login = base64.b64encode(f"{secrets.ari_user}:{secrets.ari_password}".encode()).decode()
    url = f"http://127.0.0.1:{8088 + parts.settings.offset}/ari/{request.uri}"
    asked = urllib.request.Request(url, method=request.method, headers={"Authorization": f"Basic {login}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        (await asyncio.to_thread(direct.open, asked, timeout=_ANSWER_S)).close()
    except urllib.error.HTTPError as error:
        if error.code not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):  # 403: no object can be of this kind
            raise AmiError(f"Asterisk did not remove {request.uri.rpartition('/')[2]} ({error.code})") from None
    except OSError as error:
        raise AmiError(f"Asterisk's ARI does not answer ({error})") from None
