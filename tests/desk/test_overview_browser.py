"""The administrator's pages on a running line: prompts that play, and parts that are stopped."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from line import Line
from playwright.async_api import Browser, Page, expect
from sessions_of import enter_line

from db.enums import AccountRole
from ivr.home import heartbeat
from prompts import g711, manifest

pytest_plugins = ["browser"]


@pytest.fixture
async def page(desk_line: Line, browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    await enter_line(context, desk_line, "root", "Administrator", role=AccountRole.ADMINISTRATOR)
    page, errors = await context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await context.close()
    assert errors == []


async def test_a_prompt_is_sent_as_callers_hear_it_and_plays(desk_line: Line, page: Page) -> None:
    await page.goto(f"{desk_line.json('status')['addresses']['desk']}/site/prompts?language=fr&words=main_file")
    row = page.locator('[data-prompt="fr/main_file"]')
    sounds = desk_line.home / "sounds"
    audio = manifest.load(sounds / manifest.FILE).audio("fr", "main_file")
    assert audio is not None
    await expect(row).to_contain_text(f"{audio.seconds:.1f}")
    heard = await row.locator("audio").evaluate(
        """async (audio) => {
          const whole = await (await fetch(audio.src)).arrayBuffer();
          const part = await fetch(audio.src, { headers: { Range: "bytes=44-1043" } });
          audio.muted = true;
          await audio.play();
          await new Promise((done) => audio.addEventListener("timeupdate", done, { once: true }));
          return { whole: [...new Uint8Array(whole)], status: part.status, part: (await part.arrayBuffer()).byteLength,
                   duration: audio.duration, played: audio.currentTime };
        }"""
    )
    file = manifest.paths(sounds, audio.file)[0]
    samples = np.frombuffer(bytes(heard["whole"])[44:], "<i2")
    assert np.array_equal(samples, g711.from_ulaw(file.read_bytes()))
    assert (heard["status"], heard["part"]) == (206, 1000)
    assert abs(heard["duration"] - audio.seconds) < 0.05 and heard["played"] > 0
    languages = page.locator("#prompt-languages tbody tr")
    counted = {row["language"]: row for row in desk_line.json("prompts", "status")}
    await expect(languages).to_have_count(len(counted), timeout=60_000)
    shown = await languages.filter(has_text="French").locator("td").all_inner_texts()
    assert [int(cell) for cell in shown[:6]] == [
        counted["fr"][name] for name in ("texts", "translated", "recorded", "synthesised", "stale", "missing")
    ]


async def keep_beating(run: Path, process: str) -> None:
    while True:
        heartbeat.beat(heartbeat.of_process(run, process))
        await asyncio.sleep(1)


async def test_a_part_that_is_stopped_is_a_fault_with_what_to_do_and_none_once_it_goes_on(
    desk_line: Line, page: Page
) -> None:
    await page.goto(f"{desk_line.json('status')['addresses']['desk']}/site/health")
    guard = page.locator('[data-part="process-guard"]')
    await expect(guard).to_contain_text("in order", timeout=60_000)
    fault = page.locator('[data-fault="process-guard"]')
    await expect(fault).to_have_count(0)
    pid = desk_line.pid("guard")
    os.kill(pid, signal.SIGSTOP)
    beats = asyncio.create_task(keep_beating(desk_line.home / "run", "guard"))  # or `hatif up` would replace it
    try:
        await page.reload()  # the page looks again every ten seconds
        await expect(fault).to_contain_text(f"kill -CONT {pid}", timeout=40_000)
        await expect(page.locator("#health-verdict")).to_contain_text("something needs somebody")
        answer = desk_line.run("health", "--json")
        document = json.loads(answer.stdout)
        assert answer.returncode == 1 and document["serves"]
        shown = await page.locator("[data-fault]").evaluate_all("rows => rows.map((row) => row.dataset.fault)")
        faults = [row["name"].replace(" ", "-") for row in document["parts"] if not row["ok"]]
        assert sorted(shown) == sorted(faults) == ["process-guard"]
    finally:
        os.kill(pid, signal.SIGCONT)
        beats.cancel()
    await page.reload()
    await expect(guard).to_contain_text("in order", timeout=60_000)
    await expect(fault).to_have_count(0, timeout=40_000)
    status = {row["name"]: row["ok"] for row in desk_line.json("status")["checks"]}
    health = {row["name"]: row["ok"] for row in desk_line.json("health")["parts"]}
    assert status.items() <= health.items() and {"database", "backup", "process desk", "process gate"} <= health.keys()
