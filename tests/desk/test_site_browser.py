"""The administrator's pages in a browser: the site's files are changed, checked, released, and taken back."""

import asyncio
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import shared_audio
from desk_pages import DeskPages
from line import Line
from playwright.async_api import Page, expect
from sessions_of import enter_line

from db.enums import AccountRole

pytest_plugins = ["browser"]

ROSTER = """operators,days,from,to,valid_from,valid_until,what
# The early shift.
1002 1003,mon-fri,08:00,14:00,,,
"""
TAKES_MS = 120_000
"""For a check and a release, on a machine that does much else."""


@pytest.fixture
async def page(desk_line: Line, desk_pages: DeskPages) -> Page:
    """An administrator's page, on a line whose site is a git repository."""
    await asyncio.to_thread(shared_audio.own, desk_line.home / "sounds")
    (desk_line.site / "roster.csv").write_text(ROSTER)
    repository(desk_line.site)
    context = await desk_pages._browser.new_context(
        locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    desk_pages.contexts.append(context)
    home = await enter_line(context, desk_line, "admin", "Nour Olive", role=AccountRole.ADMINISTRATOR)
    page = await context.new_page()
    await page.goto(f"{home}/people")
    await page.get_by_role("link", name="Administration").click()
    await expect(page.locator("h1")).to_have_text("Operators")
    return page


def repository(site: Path) -> None:
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "--allow-empty", "-m", "As it was")):
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        subprocess.run(["git", *who, *command], cwd=site, check=True)


def log(site: Path) -> list[str]:
    said = subprocess.run(["git", "log", "--format=%an: %s"], cwd=site, check=True, capture_output=True, text=True)
    return said.stdout.splitlines()


async def released(page: Page) -> None:
    """Release the change that the page shows, once it is checked, and wait until it is in use."""
    await page.get_by_role("button", name="Release the change").click(timeout=TAKES_MS)
    await expect(page.locator(".notice.good")).to_contain_text("In use from the next call on", timeout=TAKES_MS)


async def test_a_holiday_is_added_at_once_brought_to_the_file_and_withdrawn(desk_line: Line, page: Page) -> None:
    def known() -> dict[str, str]:
        return {row["date"]: row["name"] for row in desk_line.control("GET", "/holidays")["holidays"]}

    soon = datetime.now(UTC).date() + timedelta(days=40)
    day = soon.isoformat()
    await page.goto(re.sub("/site.*", f"/site/hours?month={day[:7]}&day={day}", page.url))
    await expect(page.locator("#day")).to_contain_text("This day is not a holiday.")
    await page.locator("#name").fill("Élections")
    await page.get_by_label("At once, without the site's file").check()
    await page.get_by_role("button", name="Make it a holiday").click()
    await expect(page.locator(".month .is-chosen")).to_contain_text("closed")
    assert known() == {day: "Élections"}
    await expect(page.locator("#day")).to_contain_text("changed this day at once")
    row = page.locator(".exceptions tr", has_text="Élections")
    await expect(row).to_contain_text("changed at once")
    await row.get_by_role("button", name="Write it into the file").click()
    await expect(page.locator(".difference")).to_contain_text(f'{day} = "Élections"', timeout=TAKES_MS)
    await page.go_back()
    await page.locator("#day").get_by_role("button", name="Withdraw").click()
    await expect(page.locator("#day")).to_contain_text("This day is not a holiday.")
    assert known() == {}


async def test_an_operator_is_added_heard_of_by_the_line_and_taken_back(desk_line: Line, page: Page) -> None:
    line, operators = desk_line, desk_line.site / "operators.csv"
    before, controller = operators.read_bytes(), line.pid("ivr")
    await page.locator("#q").fill("nl:4")
    await page.keyboard.press("Enter")
    await expect(page.locator("#operators tbody tr").first).to_contain_text("Dutch 4", timeout=30_000)

    # A mistake is said beside the field, and nothing that was typed is lost.
    await page.get_by_role("link", name="Add an operator").click()
    await page.locator("#id").fill("1002")
    await page.locator("#name").fill("=1+1")
    await page.locator("select[name=level_nl]").select_option("3")
    await page.get_by_role("button", name="Check the change").click()
    await expect(page.locator("#id-note")).to_contain_text("There is an operator 1002 already")
    await expect(page.locator("#name-note")).to_contain_text("formula")
    await expect(page.locator("select[name=level_nl]")).to_have_value("3")
    await page.locator("#id").fill("1801")
    await page.locator("#name").fill("ليلى زعتر")
    await page.locator("select[name=level_ar]").select_option("5")
    await page.locator("#first").select_option("ar")
    await page.get_by_role("button", name="Check the change").click()
    await page.wait_for_url(re.compile("/site/changes/"))
    await expect(page.locator(".difference .is-added")).to_have_text("+1801,ليلى زعتر,ar:5 nl:3,,no", timeout=TAKES_MS)
    assert operators.read_bytes() == before, "nothing is in use before the release"
    await released(page)
    assert operators.read_bytes() == before + "1801,ليلى زعتر,ar:5 nl:3,,no\n".encode()
    assert log(line.site)[0] == "Nour Olive: Operator 1801 is added: ليلى زعتر"
    await line.until(lambda: "1801" in {row["id"] for row in line.json("operators")}, 60, "the line knows her")

    # The password of the telephone is shown once; the former one is another.
    await page.get_by_role("link", name="Go on").click()
    await page.locator("#q").fill("زعتر")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="1801").click()
    former = line.json("operators", "phone", "1801")["password"]
    await page.get_by_role("button", name="New password for the telephone").click()
    await expect(page.locator("h2", has_text="What to enter in the telephone")).to_be_visible(timeout=TAKES_MS)
    given = await page.locator("dd code").nth(1).text_content()
    assert given == line.json("operators", "phone", "1801")["password"] != former
    await page.get_by_role("button", name="One-time link").click()
    await expect(page.locator(".copied")).to_contain_text("/link/")

    # All is taken back in the list of changes.
    await page.get_by_role("link", name="Changes", exact=True).click()
    await page.get_by_role("link", name="Operator 1801 is added").first.click()
    await page.get_by_role("button", name="Take back").click()
    await expect(page.locator(".notice.good")).to_be_visible(timeout=TAKES_MS)
    assert operators.read_bytes() == before
    assert "1801" not in {row["id"] for row in line.json("operators")}
    assert line.pid("ivr") == controller, "the controller was restarted for an operator"


@pytest.mark.long  # the line takes new values into use twice
async def test_hours_of_one_day_and_a_new_number_are_in_use_once_they_are_released(desk_line: Line, page: Page) -> None:
    site = desk_line.site / "site.toml"
    desk, before = re.sub("/site.*", "", page.url), site.read_text()
    await page.goto(f"{desk}/site/hours")
    label = await page.locator(".month [aria-current] a").get_attribute("aria-label")
    today, controller = (label or "").rpartition(" ")[2], desk_line.pid("ivr")
    await page.locator(".month [aria-current] a").click()
    await page.get_by_role("button", name="Closed all day").click()
    await released(page)
    assert f"[hours.day]\n{today} = []\n" in site.read_text()
    found = desk_line.control("GET", "/hours")
    assert not found["open"] and "by the hours of this day alone" in found["why"]
    await page.get_by_role("button", name="Take back").click()
    await expect(page.locator(".notice.good")).to_be_visible(timeout=TAKES_MS)
    assert site.read_text() == before
    assert "by the hours of this day alone" not in desk_line.control("GET", "/hours")["why"]
    assert desk_line.pid("ivr") == controller, "the controller was restarted for the hours"
    await page.goto(f"{desk}/site/numbers/new")
    await page.locator("#number").fill("+376 800 212 026")
    await page.locator("#country").select_option("AD")
    await page.get_by_role("button", name="Check the change").click()
    await released(page)
    assert "+376800212026" in {row["number"] for row in desk_line.json("numbers")}
    await page.goto(f"{desk}/site/numbers/one?of=%2B376800212026")
    await expect(page.locator(".facts")).to_contain_text("open")
    assert desk_line.pid("ivr") == controller, "the controller was restarted for a number"
