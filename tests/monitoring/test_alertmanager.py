"""A real Alertmanager accepts docs/monitoring/alertmanager.yml, and an alert of ours becomes a letter."""

import asyncio
import json
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import debian_tools
from asked import DIRECT
from mail_server import MailServer, receiving

CONFIGURATION = Path(__file__).resolve().parents[2] / "docs" / "monitoring" / "alertmanager.yml"
PACKAGE = "prometheus-alertmanager"


def program(name: str) -> tuple[str, ...]:
    found = debian_tools.find(PACKAGE, f"usr/bin/{name}")
    # It looks for its templates below /usr/share, wherever it is itself.
    mount = 'mount --bind "$0" /usr/share && exec "$@"'
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(found.root / "usr/share"), *found.command)


def amtool(*arguments: str) -> str:
    """Return what amtool says. Fails with it if amtool does."""
    result = subprocess.run([*program("amtool"), *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def route(*labels: str) -> str:
    return amtool("config", "routes", "test", f"--config.file={CONFIGURATION}", *labels).strip()


def test_the_configuration_is_valid_and_every_alert_reaches_somebody() -> None:
    said = amtool("check-config", str(CONFIGURATION))
    assert "SUCCESS" in said and "1 inhibit rules" in said and "1 receivers" in said
    alerts = re.findall(r"alert: (\w+)", CONFIGURATION.with_name("alerts.yml").read_text())
    assert len(alerts) > 5
    assert {route(f"alertname={name}") for name in alerts} == {"administrators"}


async def test_an_alert_becomes_a_letter_and_what_follows_from_it_does_not(tmp_path: Path) -> None:
    async with receiving() as mail:
        text = CONFIGURATION.read_text().replace("mail.example.org:587", f"127.0.0.1:{mail.port}")
        text = text.replace("group_wait: 10s", "group_wait: 1s")
        # The mail server of the test has no certificate that anybody knows.
        text = text.replace("global:", "global:\n  smtp_require_tls: false")
        (tmp_path / "alertmanager.yml").write_text(text)
        await asyncio.to_thread(_alert, tmp_path, mail, ("HatifDoesNotServe", "critical"), ("HatifDiskLow", "warning"))
    assert mail.recipients == ["administrators@example.org"]
    (letter,) = mail.letters
    assert letter["From"] == "line@example.org" and "HatifDoesNotServe" in letter["Subject"]


def _alert(folder: Path, mail: MailServer, *alerts: tuple[str, str]) -> None:
    """Run an Alertmanager, tell it of alerts, and wait for a letter, and for what would come soon after it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *program(PACKAGE),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        _report(port, alerts)
        deadline = time.monotonic() + 30
        while not mail.letters and time.monotonic() < deadline:
            time.sleep(0.1)
        assert mail.letters, (folder / "log").read_text()
        time.sleep(2)
    finally:
        process.terminate()
        process.wait(20)


def _report(port: int, alerts: Sequence[tuple[str, str]]) -> None:
    """Tell an Alertmanager, which may still be starting, of alerts as Prometheus does."""
    body: list[dict[str, Any]] = [
        {"labels": {"alertname": name, "severity": severity, "instance": "line"}} for name, severity in alerts
    ]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            with DIRECT.open(request, timeout=5) as answer:
                assert answer.status == 200
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
