"""An operator's page of the desk in a real browser, and what a person does there."""

import re
from typing import Any

from browser_telephone import BEFORE, MICROPHONE_HZ, hears_tone, when
from line import Line
from playwright.async_api import Browser, BrowserContext, Page, expect
from sessions_of import enter_line

PASSWORD = "four quiet green lamps"


class DeskPage:
    """An operator's page of the desk. `heard_hz` is what its microphone hears."""

    heard_hz = MICROPHONE_HZ

    def __init__(self, line: Line, page: Page, operator: str) -> None:
        self.line, self.page, self.operator = line, page, operator
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def tab_to(self, selector: str, most: int = 80) -> None:
        """Press Tab until an element has the focus. AssertionError if it never has."""
        for _ in range(most):
            if await self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never leads to {selector}")

    async def press(self, selector: str, key: str = "Enter") -> None:
        """Press a key on an element that Tab leads to."""
        await self.tab_to(selector)
        await self.page.keyboard.press(key)

    async def sign_in(self) -> None:
        """Sign in by a link, and choose a password the first time, by keyboard alone; leads to the operator's page."""
        await self.page.goto(self.line.json("operators", "login", self.operator)["url"])
        await self.press("button.primary")
        await self.page.wait_for_url(re.compile("/(shift|account)"))
        if "/account" in self.page.url:
            for field in ("#password", "#again"):
                await self.tab_to(field)
                await self.page.keyboard.type(PASSWORD)
            await self.page.keyboard.press("Enter")
        await expect(self.page.locator("#state")).to_be_visible()

    async def start_telephone(self) -> None:
        """Start the page's telephone, and wait until the operator is ready."""
        await self.page.locator('[data-telephone="start-shift"]').click()
        await expect(self.page.locator("body")).to_have_attribute("data-telephone", "registered")
        await self.state("ready")

    async def hand_on(self, how: str, to: str) -> None:
        """Choose in the dialog of colleagues. `how`: in words, `to`: such as `operator:1003`."""
        await self.page.keyboard.press("F7")
        await self.page.locator("#hand-on").get_by_text(how, exact=True).click()
        await self.page.locator(f'#hand-on button[value="{to}"]').click()
        await expect(self.page.locator("#hand-on")).to_be_hidden()

    async def says(self, words: str) -> None:
        """Wait until the operator's call says something."""
        await expect(self.page.locator("#call")).to_contain_text(words)

    async def takes(self) -> None:
        """Answer the offer with its key, once it rings."""
        await self.phase("offered")
        await self.page.keyboard.press("F2")
        await when(self.page, "() => now.call === 'talking'")

    async def state(self, state: str, within_s: float = 30) -> None:
        """Wait until the page shows this state."""
        found = re.compile(rf"\bis-{state}\b")
        await expect(self.page.locator("#state")).to_have_class(found, timeout=1000 * within_s)

    async def phase(self, phase: str, within_s: float = 30) -> None:
        """Wait until the page shows the operator's call in this phase."""
        await expect(self.page.locator("#call")).to_have_attribute("data-phase", phase, timeout=1000 * within_s)

    async def hears_tone(self, hz: float, within_s: float = 15) -> None:
        """Wait until the page hears this tone above everything else."""
        await hears_tone(self.page, hz, within_s)


class DeskPages:
    """Pages of the desk, each in a browser profile of its own."""

    def __init__(self, line: Line, browser: Browser) -> None:
        self._line, self._browser = line, browser
        self.contexts: list[BrowserContext] = []

    async def open(self, operator: str, language: str = "en", *, by_keyboard: bool = False, **options: Any) -> DeskPage:
        """Return an operator's page. `by_keyboard`: they sign in by a link, and choose a password."""
        viewport: Any = {"width": 1280, "height": 800}
        context = await self._browser.new_context(
            locale=language, reduced_motion="reduce", viewport=viewport, **options
        )
        self.contexts.append(context)
        await context.grant_permissions(["microphone", "notifications"])
        await context.add_init_script(BEFORE)
        page = DeskPage(self._line, await context.new_page(), operator)
        if by_keyboard:
            await page.sign_in()
        else:
            entry = next(found for found in self._line.operators if found.id == operator)
            home = await enter_line(context, self._line, operator, entry.name, supervisor=entry.supervisor)
            await page.page.goto(f"{home}/shift")
            await expect(page.page.locator("#state")).to_be_visible()
        return page
