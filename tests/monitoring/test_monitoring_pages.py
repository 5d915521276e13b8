"""docs/monitoring: the alerts and the dashboard name metrics that exist, and docs/monitoring.md names all of them."""

import json
import re
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from asked import DIRECT
from example_facts import facts
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from metric_names import ASTERISK, ours, used
from page import Page

from cli.monitoring.server import Monitor, MonitorServer

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "monitoring"
PAGE = FOLDER.with_suffix(".md")


def dashboard() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return panels


def expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in dashboard():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    for where, expression in expressions():
        names = used(expression)
        assert names <= ours() | ASTERISK, f"{where}: {names - ours() - ASTERISK}"
        assert names or "up{" in expression, where


def test_the_dashboard_shows_every_metric() -> None:
    shown = used(json.dumps(dashboard()))
    families = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in ours()}
    missing = {name for name in families if not any(found.startswith(name) for found in shown)}
    assert not missing - {"hatif_journal_bytes", "hatif_voices_refused"}  # an alert has the one; the other is the same


def test_panels_do_not_lie_on_one_another_and_have_ids_of_their_own() -> None:
    places = [panel["gridPos"] for panel in dashboard()]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in dashboard()}) == len(places)


def test_the_page_describes_every_metric_and_no_other() -> None:
    described = set(re.findall(r"^\| `(hatif_[a-z_]+)", PAGE.read_text(), re.MULTILINE))
    told = {re.sub(r"_(bucket|count|sum)$", "", name) for name in ours()}
    assert described == told


def test_the_page_describes_every_alert() -> None:
    text = PAGE.read_text()
    alerts = [name for name, expression in expressions() if re.fullmatch("[A-Z][A-Za-z]+", name) and "\n" not in name]
    named = [name for name in alerts if name.startswith(("Hatif", "Asterisk"))]
    assert named and all(f"`{name}`" in text for name in named)


def test_the_paths_of_the_page_answer_and_no_others() -> None:
    page = Page("monitoring.md")
    (command,) = page.commands()
    address = re.fullmatch(r"curl -s http://127\.0\.0\.1:8071(/\S+)", command)
    paths = re.findall("`(/[a-z/]+)`", "".join(re.findall(r"^\| (`/.*?) \|", page.text, re.MULTILINE)))
    assert address is not None and address[1] in paths and len(paths) == 4
    with MonitorServer("127.0.0.1", 0, Monitor(facts)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        at = f"http://127.0.0.1:{server.server_address[1]}"
        for path in paths:
            with DIRECT.open(f"{at}{path}", timeout=5) as answer:
                assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            DIRECT.open(f"{at}/nothing", timeout=5)
        server.shutdown()
        thread.join()


def test_the_files_of_the_page_exist() -> None:
    named = re.findall(r"\(monitoring/([^)]+)\)", PAGE.read_text())
    assert {*named} == {path.name for path in FOLDER.iterdir()}


def unknown(written: Any, read: Any, place: str = "") -> Iterator[str]:
    """Yield what is not there any more in what was read."""
    if isinstance(written, dict):
        for key, value in written.items():
            yield from unknown(value, read[key], f"{place}.{key}") if key in read else (f"{place}.{key}",)
    elif isinstance(written, list) and len(written) == len(read):
        for number, values in enumerate(zip(written, read, strict=True)):
            yield from unknown(*values, f"{place}[{number}]")
    elif written != read:
        yield f"{place}: {written!r} is read as {read!r}"


def test_grafana_s_own_library_knows_all_that_is_in_the_dashboard() -> None:
    register_default_plugins()
    written = json.loads((FOLDER / "dashboard.json").read_text())
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
    assert list(unknown(written, read)) == []
    written["panels"][1]["fieldConfig"]["defaults"]["units"] = "s"  # it is "unit"
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
    assert list(unknown(written, read)) == [".panels[1].fieldConfig.defaults.units"]
