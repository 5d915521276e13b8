"""Draws the pictures of the page *Try the line*: a call that has come to a menu, and an operator in training."""

import time
from dataclasses import replace
from pathlib import Path

import small_png
from controller import StandIn, call, operator
from desk_server import TestDesk
from playwright.async_api import Page

from ivr.flow import model
from ivr.flow.draw.draw import draw_flow
from ivr.flow.file import read_draft
from ivr.site import training
from ivr.site.site import load
from prompts import catalogue
from wire.live import OperatorCall

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
    scripts = [
        {"name": script.name, "title": script.title, "language": script.language, "country": script.country}
        for script in training.load(site, load(site)).values()
    ]
    return {**found, "/try/telephone": (200, telephone), "/training": (200, {"scripts": scripts, "callers": []})}


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


async def draw_training(desk: TestDesk, state: StandIn, page: Page, path: Path, who: str) -> None:
    """Draw the page of an operator whose scripted caller has reached them."""
    await page.goto(f"{desk.url}/try")
    await page.wait_for_selector("#try-picture svg")
    await page.click("#try-training summary")
    await page.select_option("#try-script", "lost_passport")
    for node in ("language", "welcome", "main", "operator"):
        offered = call("trained", state="waiting", node=node, language="fr", caller="+33199005212", training=who)
        theirs = OperatorCall(id="trained", language="fr", caller="+33199005212", place=None)
        there = operator(who, "offered" if node == "operator" else "paused", training=node == "operator", call=theirs)
        before = next(row for row in state.operators if row.id == who)
        state.set(replace(there, name=before.name, languages=before.languages), calls=[offered])
        await page.wait_for_selector(f"#try-picture #node-{node}.is-here")
    await page.evaluate("document.activeElement.blur()")
    await page.wait_for_timeout(1500)  # the picture has moved to the node
    await small_png.take(page, path)
    state.set(before, calls=[])
