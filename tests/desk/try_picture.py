"""Draws the picture of the page *Try the line*: a call that has come to a menu."""

import time
from pathlib import Path

import small_png
from controller import StandIn, call
from desk_server import TestDesk
from playwright.async_api import Page

from ivr.flow import model
from ivr.flow.draw.draw import draw_flow
from ivr.flow.file import read_draft
from prompts import catalogue

WAY = ("language", "welcome", "main", "documents")


def answers(site: Path) -> dict[str, tuple[int, object]]:
    """Return what the control API says about the flow, and the telephone that it gives."""
    texts, _ = catalogue.examine(site)
    assert texts is not None
    flow = read_draft(model.read(site / "flow.yaml"), "flow.yaml").flow
    svg = {
        code: draw_flow(flow, code, lambda language, text: texts.text(language, text) or text, "consulate")
        for code in ("en", "fr", "ar")
    }
    found: dict[str, tuple[int, object]] = {
        f"/flow/picture?language={code}": (
            200,
            {"svg": picture, "start": flow.start, "nodes": {name: node.kind for name, node in flow.nodes.items()}},
        )
        for code, picture in svg.items()
    }
    telephone = {"endpoint": "try-1", "user": "try-1", "password": "none", "expires": time.time() + 900}
    return {**found, "/try/telephone": (200, telephone)}


async def draw(desk: TestDesk, state: StandIn, page: Page, path: Path) -> None:
    """Draw the page while its call goes through some nodes."""
    await page.goto(f"{desk.url}/try")
    await page.wait_for_selector("#try-picture svg")
    await page.evaluate(
        """async () => {
          const token = document.querySelector('meta[name="csrf-token"]').content;
          await fetch("/try/telephone", { method: "POST", headers: { "X-CSRF-Token": token } });
        }"""
    )
    for node in WAY:
        state.set(calls=[call("try-call", state="menu", node=node, language="fr", caller="", try_telephone="try-1")])
        await page.wait_for_selector(f"#try-picture #node-{node}.is-here")
    await page.evaluate(
        """() => {
          for (const key of document.querySelectorAll("[data-digit]")) key.disabled = false;
          document.querySelector("#try-end").disabled = false;
          document.querySelector("#try-call").disabled = true;
          const texts = JSON.parse(document.querySelector("#try").dataset.texts);
          document.querySelector("#try-says").textContent = texts.talking;
          document.activeElement.blur();
        }"""
    )
    await page.wait_for_timeout(1500)  # the picture has moved to the node
    await small_png.take(page, path)
    state.set(calls=[])
