"""Behind nginx, as docs/desk.md sets it up, an address counts as the proxy sees it, whatever browsers claim."""

import asyncio
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path

import debian_tools
import pytest
import pytest_asyncio
from desk_server import Browser, TestDesk
from desk_server import serving as desk_serving
from test_telephone_gate import STRANGER, ask, free_port, request, sip
from test_telephone_gate import serving as gate_serving

from asterisk_conf.errors import AsteriskError
from db.audit import audit_entries

pytest_plugins = ["db_fixtures"]

INSIDE = "127.0.0.6"
LOCATIONS = re.search(
    r"```nginx\n(.+?)```", (Path(__file__).parents[2] / "docs" / "desk.md").read_text(encoding="utf-8"), re.DOTALL
)
PAGE = "https://desk.example.org"


@contextmanager
def nginx(folder: Path, desk: int, gate: int) -> Iterator[int]:
    """Run nginx with the lines of the manual; yield its port."""
    assert LOCATIONS is not None
    try:
        tool = debian_tools.find("nginx", "usr/sbin/nginx")
    except AsteriskError as error:
        pytest.skip(str(error))
    port = free_port()
    lines = LOCATIONS[1].replace(":8080", f":{desk}").replace(":8089", f":{gate}")
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}server {{\nlisten 127.0.0.1:{port};\n{lines}\n}}\n}}\n"
    )
    running = subprocess.Popen([*tool.command, "-p", folder, "-c", configuration, "-e", folder / "error.log"])
    try:
        yield port
    finally:
        running.terminate()
        running.wait()


@pytest_asyncio.fixture
async def proxied(sqlite_url: str, tmp_path: Path) -> AsyncIterator[tuple[TestDesk, int]]:
    """A desk and a gate that trusts some networks, and the port of the proxy before both."""
    networks = (ip_network("127.0.0.0/26"),)
    async with (
        desk_serving(sqlite_url, address="http://desk.example") as desk,
        gate_serving(home=tmp_path, networks=networks) as (gate, _),
    ):
        with nginx(tmp_path, int(desk.url.rpartition(":")[2]), gate) as port:
            async with asyncio.timeout(10):
                while True:
                    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                        break
                    await asyncio.sleep(0.02)
            yield desk, port


async def test_a_guesser_is_slowed_down_and_recorded_by_the_address_that_the_proxy_sees_whatever_they_claim(
    proxied: tuple[TestDesk, int],
) -> None:
    desk, port = proxied
    statuses = []
    for claimed in ("10.1.2.3", "127.0.0.1", "10.1.2.4, 127.0.0.1", "::1", "a\tb", ","):
        browser = Browser(f"http://127.0.0.1:{port}", STRANGER)
        form, headers = {"account": "nobody", "password": "wrong"}, {"X-Forwarded-For": claimed}
        statuses.append((await browser.post("/sign-in", form, headers)).status)
        await browser.close()
    assert statuses == [422] * 5 + [429]
    found = await audit_entries(desk.engine, 100, "account_refused")
    assert [row.data for row in found] == [{"source": STRANGER}] * 6


async def test_a_page_outside_does_not_get_into_the_networks_of_telephones_by_what_it_claims(
    proxied: tuple[TestDesk, int],
) -> None:
    _, port = proxied
    for claimed in ("", INSIDE, "127.0.0.1", f"{INSIDE}, 127.0.0.1"):
        more = f"X-Forwarded-For: {claimed}\r\n" if claimed else ""
        text = request(origin=PAGE, more=more)
        assert (await ask(port, text, source=STRANGER)).startswith(b"HTTP/1.1 403 ")
    twice = request(origin=PAGE, more=f"X-Forwarded-For: {INSIDE}\r\n" * 2)
    assert (await ask(port, twice, source=STRANGER)).startswith(b"HTTP/1.1 403 ")
    answer = await ask(port, request(origin=PAGE), sip(), source=INSIDE)
    assert answer.startswith(b"HTTP/1.1 101 ") and b"REGISTER sip:hatif" in answer
    assert (await ask(port, request("/ws/", origin=PAGE), source=INSIDE)).startswith(b"HTTP/1.1 404 ")
    assert (await ask(port, request("/ari/channels", origin=PAGE), source=INSIDE)).startswith(b"HTTP/1.1 404 ")
