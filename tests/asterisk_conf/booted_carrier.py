"""Steps 5 to 7 of docs/production.md on the booted machine: the carrier is a second Asterisk, with TLS and SRTP."""

import asyncio
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import second_asterisk
from asterisk_example import example
from certificates import Authority
from page import Page

OURS, CARRIERS = "192.0.2.10", "198.51.100.16"
SITE = Path("/etc/hatif/site")
FOLDER = Path("/srv/carrier")
OPERATOR = "1999,Nadir Cypress,ar:5 fr:4,,no"

Run = Callable[..., subprocess.CompletedProcess[str]]


def _edit(page: Page) -> None:
    """Write what the page says into site.toml, with this carrier's address, authority and only number."""
    bind, sip, carrier = page.written("toml")[0].split("\n\n")
    carrier = carrier.replace("sip.example.net", CARRIERS).replace("198.51.100.32/27", f"{CARRIERS}/32")
    text = re.sub("^sip_bind = .*", bind, (SITE / "site.toml").read_text(), flags=re.MULTILINE)
    first, last = text.index("[[carrier]]"), text.index("# One number for several")
    text = f'{text[:first]}{carrier}\nnumber = "+33800212000"\n\n{text[last:]}'
    before = text.index("\n[hours]\n")
    text = f'{text[:before]}\n{sip}\nauthorities = "carrier-ca.pem"\n{text[before:]}'
    (SITE / "site.toml").write_text(text)


def _carrier() -> second_asterisk.Asterisk:
    """Return the carrier's Asterisk, not started, and lay its certificate's authority and a certificate of ours."""
    FOLDER.mkdir()
    os.environ["HATIF_INSTALL"] = "/mnt/cache"  # of the tests' Asterisk
    authority = Authority(FOLDER)
    carrier = second_asterisk.carrier(example(FOLDER / "ours"), FOLDER / "home", authority, user="4711")
    del os.environ["HATIF_INSTALL"]
    certificate, key = authority.sign("public", f"IP:{CARRIERS}")
    etc, ports = carrier.conf.etc, carrier.conf.ports
    (etc / "carrier.pem").write_text(certificate.read_text())
    (etc / "carrier.key").write_text(key.read_text())
    text = (etc / "pjsip.conf").read_text()
    text = text.replace(f"127.0.0.1:{ports.sips}", f"{CARRIERS}:5061").replace("verify_server=yes", "verify_server=no")
    (etc / "pjsip.conf").write_text(text)
    certificate, key = authority.sign("line", f"IP:{OURS}")
    for source, name in ((authority.file, "carrier-ca.pem"), (certificate, "sip.pem"), (key, "sip.key")):
        (SITE / name).write_text(source.read_text())
    return carrier


async def follow(run: Run, seen: dict[str, Any], calls: Callable[[], list[dict[str, Any]]]) -> None:
    """Do what the page says, with a call from the carrier. `seen` gets what a reader sees."""
    page = Page("production.md")
    for address in (f"{OURS}/24", f"{CARRIERS}/28"):
        run("ip", "addr", "add", address, "dev", "lo")
    carrier = _carrier()
    _edit(page)
    typed = 'hatif() { /opt/hatif/.venv/bin/hatif "$@"; }; set -euxo pipefail\n'
    await carrier.start()
    try:
        for command in page.commands("## 5. The carrier, and the firewall"):
            given = f"{command} <<<'{second_asterisk.PASSWORD}'" if "password" in command else command
            if command.startswith("nft "):
                continue  # test_firewall.py loads such rules, in a network of its own
            answer = await asyncio.to_thread(run, "bash", "-c", typed + given)
            seen[command] = answer.stdout
            if command.startswith("hatif restart asterisk"):  # "registers within ten seconds of its start"
                await carrier.until(lambda: "4711@" in carrier.ask("pjsip show contacts"), "we have registered", 120)
        carrier.ask("channel originate PJSIP/4711 extension s@music")
        await carrier.until(lambda: calls() and calls()[0]["number"] == "+33800212000", "the call is there", 90)
        await carrier.until(lambda: carrier.heard() and carrier.heard()[0] > 50, "the carrier hears the line", 90)
    finally:
        await carrier.stop()

    await asyncio.to_thread(_operators_and_backups, run, seen, page, typed)


def _operators_and_backups(run: Run, seen: dict[str, Any], page: Page, typed: str) -> None:
    with (SITE / "operators.csv").open("a") as file:
        file.write(f"{OPERATOR}\n")
    for command in ("reload", "operators --json", "operators login 1001", "operators phone 1002"):
        seen[command] = run("bash", "-c", f"{typed}hatif {command}").stdout
    # The rest of step 7 downloads Prometheus; tests/monitoring tries its files.
    for command in page.commands("## 7. Backups, retention, and an alert")[:2]:
        run("bash", "-c", command)
    nightly = Path("/etc/cron.d/hatif").read_text().split(maxsplit=6)
    assert nightly[5] == "hatif"
    run("runuser", "-u", "hatif", "--", "bash", "-c", nightly[6])
    seen["backups"] = [path.stat().st_size for path in Path("/var/lib/hatif/backups").iterdir()]
