"""The operator's page as an Arabic reader sees it: mirrored, nothing cut off or covered, every letter there and joined.

Facts about what the browser has drawn, and no stored picture: another Chromium or font draws other pixels for the same
good page, and a picture that fails says nothing about what is wrong.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import serving
from playwright.async_api import Browser, Page, expect
from stored_cases import store_case
from test_desk_browser import CASE, REFERENCE

pytest_plugins = ["db_fixtures", "browser"]

WIDTH = 1280
COLUMNS = (".column.start", ".column.middle", ".column.end")
SIDES = (".brand", ".who", "#call-bar .state-sign", "#c-title", "#c-state")
"""Parts of the page that change sides."""

LOOK = """() => {
  const seen = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const name = (one) => `${one.tagName.toLowerCase()} ${one.id || one.textContent.trim().slice(0, 40)}`;
  const fields = "input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea";
  const texts = "button, label, legend, h2, h3, dt, dd, .tag, .sign, .count, .note";
  const parts = [...document.querySelectorAll(fields), ...document.querySelectorAll(texts)].filter(
    one => seen(one) && !one.closest(".unseen") && (one.matches(fields) || one.textContent.trim()));
  const box = (one) => one.getBoundingClientRect();
  const found = { outside: [], cut: [], covered: [] };
  for (const one of parts) {
    const { left, right } = box(one);
    const around = box(one.parentElement.closest("section, header, dialog, fieldset, main"));
    if (left < around.left - 1 || right > around.right + 1) found.outside.push(name(one));
    if (!one.matches(fields) && one.scrollWidth > one.clientWidth + 1 && one.clientWidth) found.cut.push(name(one));
  }
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const scrolls = (one) => one.closest(".colleagues ul, .procedure, .people");
  parts.forEach((one, index) => {
    for (const other of parts.slice(index + 1)) {
      if (one.contains(other) || other.contains(one) || scrolls(one) !== scrolls(other)) continue;
      if (meet(box(one), box(other))) found.covered.push(`${name(one)} / ${name(other)}`);
    }
  });
  return found;
}"""
"""Returns what lies outside its box, is cut off, or is covered by something else."""

LETTERS = """() => {
  const pen = new OffscreenCanvas(60, 60).getContext("2d", { willReadFrequently: true });
  pen.font = `24px ${getComputedStyle(document.body).fontFamily}`;
  const drawn = (text) => {
    pen.clearRect(0, 0, 60, 60);
    pen.fillText(text, 20, 40);
    return pen.getImageData(0, 0, 60, 60).data.join();
  };
  const nothing = drawn("\\u{10FFF0}");  // no font has it
  const letters = [...new Set(document.body.innerText)].filter(letter => /\\p{Script=Arabic}/u.test(letter));
  const joined = pen.measureText("سلام").width, apart = pen.measureText("س\\u200cل\\u200cا\\u200cم").width;
  return { count: letters.length, missing: letters.filter(letter => drawn(letter) === nothing), joined, apart };
}"""
"""Returns how many letters the page has, those that no font has, and how wide a word is, joined and in its letters."""

NUMBERS = """() => {
  const numbers = [...document.querySelectorAll("bdi[dir=ltr]")].filter(one => one.textContent.trim().length > 3);
  return numbers.map(one => {
    const text = [...one.childNodes].find(node => node.nodeType === Node.TEXT_NODE), range = new Range();
    const left = (index) => {
      range.setStart(text, index);
      range.setEnd(text, index + 1);
      return range.getBoundingClientRect().left;
    };
    return [one.textContent.trim(), left(0) < left(text.length - 1)];
  });
}"""
"""Returns each number of the page, and whether its first character is the left one."""


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def pages(sqlite_url: str, controller: StandIn, browser: Browser) -> AsyncIterator[dict[str, Page]]:
    """The page of one operator in a call with its case, in each language of the pages."""
    async with serving(sqlite_url, controller.port) as desk:
        await desk.operator("1002")
        await store_case(desk.engine, **CASE, applicant="أَحْمَد بَنْعَلِيّ")
        found = {}
        look: Any = {"viewport": {"width": WIDTH, "height": 800}, "reduced_motion": "reduce"}
        for language in ("ar", "en", "fr"):
            context = await browser.new_context(locale=language, **look)
            await desk.enters(context, "1002")
            page = found[language] = await context.new_page()
            await page.goto(f"{desk.url}/shift")
            await page.evaluate("document.body.dataset.telephone = 'registered'")
        controller.connect("1002", identity=str(uuid4()), case=REFERENCE, recording="on", place="hold")
        for page in found.values():
            await expect(page.locator("#c-title")).to_be_visible()
        yield found
        for page in found.values():
            await page.context.close()


async def test_an_arabic_page_is_mirrored_whole_and_legible(pages: dict[str, Page]) -> None:
    arabic, english = pages["ar"], pages["en"]
    assert await arabic.evaluate("[document.dir, document.documentElement.lang]") == ["rtl", "ar"]
    for part in (*COLUMNS, *SIDES):
        left, right = [await page.locator(part).first.bounding_box() for page in (arabic, english)]
        assert left is not None and right is not None
        sides = [box["x"] + box["width"] / 2 - WIDTH / 2 for box in (left, right)]
        assert part == ".column.middle" or sides[0] * sides[1] < 0, f"{part} is on the same side"
        assert part not in COLUMNS or abs(sum(sides)) < 2, f"{part} is not where its mirror is"
    for language, page in pages.items():
        assert await page.evaluate(LOOK) == {"outside": [], "cut": [], "covered": []}, language
        await page.keyboard.press("F7")
        await expect(page.locator("#hand-on")).to_be_visible()
        assert await page.evaluate("document.scrollingElement.scrollWidth") <= WIDTH, language
        await page.keyboard.press("Escape")
    letters = await arabic.evaluate(LETTERS)
    assert letters["count"] > 25 and letters["missing"] == []
    assert letters["joined"] < 0.95 * letters["apart"], "the letters of a word are not joined"
    numbers = await arabic.evaluate(NUMBERS)
    assert [text for text, from_left in numbers if not from_left] == [] and len(numbers) > 2

    # A field that is misplaced and a letter that no font has would be found.
    await arabic.evaluate("""() => {
        document.querySelector("#c-title").style.marginInlineStart = "-3rem";
        const state = document.querySelector("#c-state"), note = document.querySelector("#note-text");
        const below = note.getBoundingClientRect().top - state.getBoundingClientRect().top;
        state.closest(".field").style.transform = `translateY(${below}px)`;
        document.body.append("\\u{10EC2}");
    }""")
    found = await arabic.evaluate(LOOK)
    assert any("c-title" in one for one in found["outside"]) and any("c-state" in pair for pair in found["covered"])
    assert (await arabic.evaluate(LETTERS))["missing"] == ["\U00010ec2"]
