"""Live changes for all browsers: read once, rendered once for each language, and sent to all who follow.

Nothing waits for a browser: one that falls behind is cut, and begins again with everything.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog

from desk.control import HEARTBEAT as CONTROLLER_LIVES
from desk.control import ControlClient, ControllerAwayError
from desk.live.fragments import OPERATOR, Fragment, Personal, Shared, Values
from desk.live.picture import Picture, SiteFacts
from desk.page.pages import Pages
from desk.page.texts import Language

log = structlog.get_logger()

T = TypeVar("T")

AGAIN_S = 0.5
"""Before the controller is asked again."""

HEARTBEAT_S = 3.0
BEHIND = 200
"""Changes that a browser may leave unread."""

READERS = 500

HEARTBEAT = b": heartbeat\n\n"
ACTOR = "desk"


@dataclass(eq=False)
class _Reader:
    operator: str
    language: Language
    view: str
    frames: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(BEHIND))
    behind: bool = False

    def put(self, frame: bytes) -> None:
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.behind = True


class Hub:
    """The picture of one line, and the browsers that follow it."""

    def __init__(self, control: ControlClient, pages: Pages, fragments: Sequence[Fragment], site: SiteFacts) -> None:
        self.picture = Picture(site)
        self._control, self._pages = control, pages
        views = {fragment.view for fragment in fragments}
        self._shared = {
            view: [found for found in fragments if isinstance(found, Shared) and found.view == view] for view in views
        }
        self._personal = {
            view: [found for found in fragments if isinstance(found, Personal) and found.view == view] for view in views
        }
        self._readers: set[_Reader] = set()
        self._watchers: set[asyncio.Event] = set()
        self._sent_shared: dict[tuple[str, str, str], Values] = {}  # by view, template and key
        self._sent_personal: dict[tuple[str, str, str], Values] = {}  # by view, template and operator
        self._flushing: asyncio.Handle | None = None
        self._failing: set[str] = set()  # templates
        self._confirmed = time.monotonic()
        self._closed = False

    @property
    def followers(self) -> int:
        """How many browsers follow."""
        return len(self._readers)

    def on_shift(self) -> frozenset[str] | None:
        """Return the operators who are on shift with a registered telephone, or in a call; None while nobody knows."""
        if not self.picture.connected:
            return None
        operators = self.picture.operators.values()
        return frozenset(
            operator.id
            for operator in operators
            if operator.call is not None or (operator.telephone and operator.state not in ("away", "unknown"))
        )

    @property
    def silent_s(self) -> float:
        """Seconds since the controller last said that the picture is as it shows the line, or since the start."""
        return time.monotonic() - self._confirmed

    @property
    def failing(self) -> int:
        """How many parts of the pages could not be shown when they last changed."""
        return len(self._failing)

    async def run(self) -> None:
        """Follow the controller until cancelled."""
        while True:
            try:
                await self._follow()
            except ControllerAwayError:
                pass
            except Exception:  # whatever it is: no page may show for long what is not so any more
                log.exception("the control API's events cannot be read")
            if self.picture.connected:
                log.warning("the controller does not answer; the pages show what was known last")
                self.picture.connected = False
                self._flush()
            await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._control.events()) as events:
            async for event in events:
                if event.name == "snapshot":
                    facts = await self._control.ask("GET", "/site", ACTOR)
                    self.picture.site = msgspec.convert(facts, SiteFacts)
                if event is not CONTROLLER_LIVES:
                    self.picture.apply(event)
                    self._flush_soon()
                if not self.picture.connected:  # every stream begins with a snapshot
                    raise ControllerAwayError
                self._confirmed = time.monotonic()

    def is_followed(self, *views: str) -> bool:
        """Return whether a browser follows one of these views."""
        return any(reader.view in views for reader in self._readers)

    def add(self, name: str, fact: object) -> None:
        """Add to the picture what no event tells."""
        if self.picture.facts.get(name) != fact:
            self.picture.facts[name] = fact
            self._flush_soon()

    def close(self) -> None:
        """End the stream of every browser: the desk is being stopped, and must not wait for them to leave."""
        for reader in self._readers:
            reader.behind = True
            reader.put(HEARTBEAT)
        self._closed = True
        for watcher in self._watchers:
            watcher.set()

    def current(self, language: Language, operator: str = "", *templates: str, view: str = OPERATOR) -> dict[str, str]:
        """Return elements of a view as they are now, by template; those of a shared fragment together."""
        found: dict[str, str] = {}
        fragments: tuple[Fragment, ...] = (*self._personal[view], *self._shared[view])
        for fragment in fragments:
            template = fragment.template
            if not templates or template in templates:
                with self._contained(template):
                    for values in self._values(fragment, operator).values():
                        found[template] = found.get(template, "") + self._pages.fragment(language, template, **values)
        return found

    async def follow(
        self, language: Language, operator: str, now: Callable[[], datetime], view: str = OPERATOR
    ) -> AsyncGenerator[bytes]:
        """Yield a page, then what changes of it, as server-sent events. `operator`: whose own page it is."""
        if len(self._readers) >= READERS:
            log.warning("too many browsers follow the desk", most=READERS)
            return
        reader = _Reader(operator, language, view)
        self._readers.add(reader)
        try:
            self._remember(view, operator)
            yield f"event: now\ndata: {now().timestamp():.3f}\n\n".encode()
            yield _frame("".join(self.current(language, operator, view=view).values()))
            while not reader.behind:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        frame = await reader.frames.get()
                except TimeoutError:
                    frame = HEARTBEAT
                yield frame
        finally:
            self._readers.discard(reader)
            left = {(other.view, other.operator) for other in self._readers}
            if (view, operator) not in left:
                for key in [key for key in self._sent_personal if (key[0], key[2]) == (view, operator)]:
                    del self._sent_personal[key]
            if all(other.view != view for other in self._readers):
                for shared_key in [key for key in self._sent_shared if key[0] == view]:
                    del self._sent_shared[shared_key]

    async def watch(self, read: Callable[[Picture], T]) -> AsyncGenerator[T | None]:
        """Yield what `read` finds in the picture, now and whenever that has changed, and None every `HEARTBEAT_S`."""
        if len(self._watchers) >= READERS:
            log.warning("too many browsers follow the desk", most=READERS)
            return
        news = asyncio.Event()
        self._watchers.add(news)
        try:
            seen = read(self.picture)
            yield seen
            while not self._closed:
                news.clear()
                now = read(self.picture)
                if now != seen:
                    seen = now
                    yield now
                    continue
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await news.wait()
                except TimeoutError:
                    yield None
        finally:
            self._watchers.discard(news)

    def _values(self, fragment: Fragment, operator: str) -> Mapping[str, Values]:
        """Return the values of each element of a fragment, by its key; for an element of a page, by its operator."""
        if isinstance(fragment, Personal):
            return {operator: fragment.read(self.picture, operator)}
        return fragment.read(self.picture)

    @contextlib.contextmanager
    def _contained(self, template: str) -> Iterator[None]:
        """Keep what cannot be shown from keeping anything else from pages. The next change tries it again."""
        try:
            yield
        except Exception:
            if template not in self._failing:
                log.exception("a part of the pages cannot be shown; the other parts go on", part=template)
            self._failing.add(template)
        else:
            self._failing.discard(template)

    def _remember(self, view: str, operator: str) -> None:
        """Note what a new reader begins with, so that only what differs from it is sent."""
        for fragment in self._personal[view]:
            key = (view, fragment.template, operator)
            if key not in self._sent_personal:
                with self._contained(fragment.template):
                    self._sent_personal[key] = fragment.read(self.picture, operator)
        if any(key[0] == view for key in self._sent_shared):
            return  # others follow this view already
        for shared in self._shared[view]:
            with self._contained(shared.template):
                for name, values in shared.read(self.picture).items():
                    self._sent_shared[view, shared.template, name] = values

    def _flush_soon(self) -> None:
        """Flush once all events are read that have come together: the controller sends those of one instant at once."""
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send what has changed to those whose pages have it, to each page at once."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        by_page: dict[tuple[str, str], list[_Reader]] = {}
        by_view: dict[str, list[_Reader]] = {}
        for watcher in self._watchers:
            watcher.set()
        for reader in self._readers:
            by_page.setdefault((reader.view, reader.operator), []).append(reader)
            by_view.setdefault(reader.view, []).append(reader)
        news: dict[_Reader, list[bytes]] = {}  # those whose own page changes come first
        for (view, operator), theirs in by_page.items():
            for fragment in self._personal[view]:
                with self._contained(fragment.template):
                    key, values = (view, fragment.template, operator), fragment.read(self.picture, operator)
                    if self._sent_personal.get(key) != values:
                        self._render(news, theirs, fragment.template, values)
                        self._sent_personal[key] = values
        for view, readers in by_view.items():
            for shared in self._shared[view]:
                with self._contained(shared.template):
                    for name, values in shared.read(self.picture).items():
                        key = (view, shared.template, name)
                        if self._sent_shared.get(key) != values:
                            self._render(news, readers, shared.template, values)
                            self._sent_shared[key] = values
        for reader, frames in news.items():
            reader.put(b"".join(frames))

    def _render(
        self, news: dict[_Reader, list[bytes]], readers: Sequence[_Reader], template: str, values: Values
    ) -> None:
        """Add a fragment to what each of the readers gets, rendered once for each language."""
        languages = {reader.language.code: reader.language for reader in readers}
        frames = {
            code: _frame(self._pages.fragment(language, template, **values)) for code, language in languages.items()
        }
        for reader in readers:
            news.setdefault(reader, []).append(frames[reader.language.code])


def _frame(html: str) -> bytes:
    lines = [line.strip() for line in html.splitlines()]
    return ("event: patch\n" + "".join(f"data: {line}\n" for line in lines if line) + "\n").encode()
