"""docs/monitoring: the alerts and the dashboard name metrics that exist, and docs/monitoring.md names all of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from metric_names import ASTERISK, ours, used

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
