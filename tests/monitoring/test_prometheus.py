"""A real Prometheus accepts what docs/monitoring has, its rules do what they say, and it reads our metrics."""

import json
import socket
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

import debian_tools
import pytest
from asked import DIRECT
from example_facts import facts

from cli.monitoring.metrics import render
from cli.monitoring.server import Monitor, MonitorServer

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "monitoring"


def program(name: str) -> tuple[str, ...]:
    return debian_tools.find(name, f"usr/bin/{name}").command


def promtool(*arguments: str, given: bytes | None = None) -> str:
    """Return what promtool says. Fails with it if promtool does."""
    result = subprocess.run([*program("promtool"), *arguments], input=given, capture_output=True, timeout=60)
    said = (result.stdout + result.stderr).decode()
    assert result.returncode == 0, said
    return said


def test_the_rules_are_valid_and_do_what_they_say() -> None:
    assert "FAILED" not in promtool("check", "rules", "--lint=all", "--lint-fatal", str(FOLDER / "alerts.yml"))
    promtool("test", "rules", str(FOLDER / "alerts_test.yml"))


def test_the_configuration_is_valid() -> None:
    promtool("check", "config", str(FOLDER / "prometheus.yml"))


def test_our_metrics_keep_to_prometheus_customs() -> None:
    promtool("check", "metrics", given=render(facts()))


@pytest.mark.long
def test_prometheus_reads_our_metrics_and_evaluates_our_rules(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with MonitorServer("127.0.0.1", 0, Monitor(facts)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = (FOLDER / "prometheus.yml").read_text()
        text = text.replace("127.0.0.1:8071", f"127.0.0.1:{server.server_address[1]}").replace("15s", "1s")
        text = text.replace("scrape_timeout: 10s", "scrape_timeout: 1s").replace(
            "alerts.yml", str(FOLDER / "alerts.yml")
        )
        (tmp_path / "prometheus.yml").write_text(text)
        command = [
            *program("prometheus"),
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            assert _until(port, "hatif_calls_ended_total{outcome='answered',language='fr'}", "7")
            assert _until(port, "up{job='hatif'}", "1")
            assert _until(port, "ALERTS{alertname='HatifProcessDown',process='desk'}", "1")
        finally:
            process.terminate()
            process.wait(20)
            server.shutdown()


def _until(port: int, expression: str, value: str) -> bool:
    """Wait until an expression has this value."""
    deadline = time.monotonic() + 25
    while time.monotonic() < deadline:
        query = urllib.parse.urlencode({"query": expression})
        try:
            with DIRECT.open(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=2) as answer:
                found: Any = json.load(answer)["data"]["result"]
        except OSError:
            found = []
        if found and found[0]["value"][1] == value:
            return True
        time.sleep(0.3)
    return False
