"""A page with nothing but the telephone, and a real browser that opens it."""

import asyncio
import json
import math
import time
import urllib.error
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import chromium
import numpy as np
from aiohttp import web
from line import Line
from other_machine import OtherMachine
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from background.telephone_ticket import Ticket, key_of, sign
from desk import bundle

MICROPHONE_HZ = 1870.0

HIDE = """
Object.defineProperty(document, "hidden", { value: true });
Object.defineProperty(document, "visibilityState", { value: "hidden" });
document.dispatchEvent(new Event("visibilitychange"));
"""
"""What a page sees that is not in front; a headless browser shows all of them."""

PAGE = """<!doctype html>
<meta charset="utf-8"><meta name="csrf-token" content="token"><title>Telephone</title>
<div id="telephone" data-operator="{operator}" data-ws-url="{socket}"
  data-credential-url="/credential" data-audio-url="/audio"></div>
<div id="telephone-settings"></div><div id="call" data-call=""></div>
<script src="/before.js"></script><script type="module" src="/telephone.js"></script>
"""

BEFORE = """
window.reports = [];
window.now = {};
document.addEventListener("hatif:telephone", ({ detail }) => {
  if (detail.level !== undefined) { window.level = detail.level; return; }
  window.reports.push({ ...detail, at: performance.now() });
  Object.assign(window.now, detail);
});
window.ask = (what, detail) => document.getElementById("telephone")
  .dispatchEvent(new CustomEvent(`hatif:${what}`, { detail, bubbles: true }));
let context = null; // made with the first sound: it takes processor time as long as it is there
for (const what of ["click", "keydown"]) document.addEventListener(what, () => context?.resume(), true);
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...given) {
    super(...given);
    window.connection = this;
    this.addEventListener("track", ({ track }) => {
      context ??= new AudioContext();
      const analyser = context.createAnalyser();
      analyser.fftSize = 4096;
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      window.analyser = analyser;
      window.heardFirst = null;
    });
  }
};
// A page that hangs hears nothing of calls; one that `holds` them hears of them later.
window.holds = null;
window.comes = () => { for (const take of window.holds.splice(0)) take(); window.holds = null; };
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  set onmessage(take) {
    super.onmessage = take && ((event) => {
      const isCall = String(event.data).startsWith("INVITE ");
      if (isCall && window.holds) window.holds.push(() => take(event));
      else if (!isCall || !window.hangs) take(event);
    });
  }
};
// What happens to microphones: unplugged in use, and forbidden by the person.
const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices), opened = [];
let forbidden = false;
devices.getUserMedia = async (...given) => {
  if (forbidden) throw new DOMException("no", "NotAllowedError");
  const stream = await real(...given);
  opened.push(...stream.getTracks());
  return stream;
};
window.unplug = () => {
  const track = opened.at(-1);
  track.stop();
  track.dispatchEvent(new Event("ended"));
};
window.forbid = (is) => { forbidden = is; };
// What happens to loudspeakers: unplugged, and plugged in again.
const listed = devices.enumerateDevices.bind(devices), gone = new Set();
devices.enumerateDevices = async () => (await listed()).filter(({ deviceId }) => !gone.has(deviceId));
window.unplugSpeaker = (id) => { gone.add(id); devices.dispatchEvent(new Event("devicechange")); };
window.plugIn = (id) => { gone.delete(id); devices.dispatchEvent(new Event("devicechange")); };
// Sounds that play, and on which device; notifications that are shown.
const sounds = new Set(), play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { sounds.add(this); return play.call(this); };
window.playing = () => [...sounds].filter(({ paused }) => !paused).map(({ loop, sinkId }) => ({ loop, sinkId }));
window.notifications = [];
// A headless browser denies all of them, whatever is granted.
window.Notification = class {
  static permission = "granted";
  constructor(title) { notifications.push(title); }
  close() { notifications.pop(); }
};
// From now on, the browser counts a tenth of the packets as lost.
window.lose = () => {
  let packets = 1000;
  connection.getStats = async () => {
    packets += 90;
    return new Map([["in", { type: "inbound-rtp", packetsReceived: packets, packetsLost: packets / 9, jitter: 0.01 }]]);
  };
};
// Answer, and return after how many seconds the page hears sound.
window.answered = async () => {
  const began = performance.now();
  window.analyser = null;
  ask("answer");
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (window.analyser && hears()[1] > -60) return (performance.now() - began) / 1000;
    if (performance.now() - began > 5000) throw new Error("nothing is heard");
  }
};
// The loudest frequency of what the page hears, Hz, and its level, dBFS.
window.hears = () => {
  if (!window.analyser) return [0, -200];
  const levels = new Float32Array(window.analyser.frequencyBinCount);
  window.analyser.getFloatFrequencyData(levels);
  const loudest = levels.indexOf(Math.max(...levels));
  return [loudest * context.sampleRate / window.analyser.fftSize, levels[loudest]];
};
"""


RECEIVED = """async () => {
  const rows = [...((await window.connection?.getStats()) ?? new Map()).values()];
  return [window.analyser?.context.state, rows.filter(({ type }) => type === "inbound-rtp")];
}"""
"""Whether the page can hear at all, and what its call has received: packets without sound, or none."""


def tone(path: Path, hz: float, seconds: float = 10.0, rate: int = 48000) -> Path:
    """Write a tone for the browser's microphone."""
    samples = 9000 * np.sin(math.tau * hz / rate * np.arange(round(seconds * rate)))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.rint(samples).astype("<i2").tobytes())
    return path


class WebTelephone:
    """The telephone of an operator in one page."""

    def __init__(self, page: Page, operator: str) -> None:
        self.page, self.operator = page, operator

    async def start(self) -> None:
        """Click "start shift", and wait until the telephone is registered."""
        await self.ask("start-shift")
        await self.reports("state", "registered")

    async def ask(self, what: str, detail: object = None) -> None:
        await self.page.evaluate("([what, detail]) => ask(what, detail)", [what, detail])

    async def says(self, words: str) -> None:
        """Wait until the telephone reports a problem with these words."""
        await when(self.page, "words => (window.now.problem || '').includes(words)", words)

    async def reports(self, what: str, value: object, within_s: float = 30.0) -> None:
        """Wait until the telephone's last report about something is this one."""
        try:
            await when(self.page, "([what, value]) => window.now[what] === value", [what, value], within_s)
        except Exception as error:
            raise AssertionError(f"{what} is not {value}: {await self.page.evaluate('reports')}") from error

    async def has_reported(self, what: str, value: object) -> None:
        """Wait until the telephone has reported this, however briefly."""
        await when(self.page, "([what, value]) => reports.some(report => report[what] === value)", [what, value])

    async def has_said(self, words: str) -> None:
        """Wait until the telephone has reported a problem with these words, however briefly."""
        await when(self.page, "words => reports.some(({ problem }) => problem?.includes(words))", words)

    async def now(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate("now")
        return found

    async def hears_tone(self, hz: float, within_s: float = 15.0) -> None:
        """Wait until the page hears this tone above everything else."""
        await hears_tone(self.page, hz, within_s)


@asynccontextmanager
async def comes_back(page: Page) -> AsyncIterator[None]:
    """Cut a page's telephone off in the block; it ends when the telephone has noticed, and is registered again."""
    before = await page.evaluate("reports.length")
    yield
    await when(page, "since => reports.slice(since).some(({ state }) => state === 'lost')", before)
    await when(page, "() => now.state === 'registered'")


async def when(page: Page, holds: str, about: object = None, within_s: float = 30.0) -> None:
    """Wait until something holds in a page. Playwright looks at each frame, and has the page draw all of them."""
    await page.wait_for_function(holds, arg=about, timeout=1000 * within_s, polling=50)


async def hears_tone(page: Page, hz: float, within_s: float = 15.0) -> None:
    """Wait until a page with `BEFORE` hears this tone above everything else."""
    for _ in range(round(within_s / 0.05)):
        heard, level = await page.evaluate("hears()")
        if abs(heard - hz) < 25 and level > -60:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(
        f"the page hears {heard:.0f} Hz at {level:.0f} dBFS, not {hz:.0f} Hz: {await page.evaluate(RECEIVED)}"
    )


class Pages:
    """Pages with telephones, from a server that stands for the desk."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self._context, self.url = context, url

    async def open(self, operator: str, holder: str = "test") -> WebTelephone:
        """Return the page of an operator. `holder`: their sign-in."""
        page = await self._context.new_page()
        await page.goto(f"{self.url}/{operator}/{holder}")
        return WebTelephone(page, operator)


@asynccontextmanager
async def desk_of(line: Line, port: int) -> AsyncIterator[str]:
    """Serve the pages; yield their address."""
    if not bundle.is_current():
        await asyncio.to_thread(bundle.bundle)

    async def page(request: web.Request) -> web.Response:
        operator, socket = request.match_info["operator"], f"ws://127.0.0.1:{8089 + line.offset}/ws"
        text = PAGE.format(operator=operator, socket=socket)
        text = text.replace("/credential", f"{request.path}/credential").replace("/audio", f"{request.path}/audio")
        return web.Response(text=text, content_type="text/html")

    async def credential(request: web.Request) -> web.Response:
        given = {**json.loads(await request.text()), "holder": request.match_info["holder"]}
        path = f"/operators/{request.match_info['operator']}/web_telephone"
        try:
            found = await asyncio.to_thread(line.control, "POST", path, given)
        except urllib.error.HTTPError as error:
            return web.Response(status=error.code)
        secret = json.loads((line.home / "secrets.json").read_text())["control_token"]
        now = int(time.time())
        ticket = Ticket("test", found["endpoint"], given["holder"], now, now + 3600)
        return web.json_response({**found, "ticket": sign(ticket, key_of(secret))})

    async def audio(request: web.Request) -> web.Response:
        given = json.loads(await request.text())
        report = {"operator": request.match_info["operator"], "loss": given["loss"], "jitter_s": given["jitter"]}
        await asyncio.to_thread(line.control, "POST", f"/calls/{given['call']}/audio", report)
        return web.Response(status=204)

    async def script(request: web.Request) -> web.Response:
        name = request.path.removeprefix("/")
        text = BEFORE if name == "before.js" else (bundle.STATIC / name).read_text()
        return web.Response(text=text, content_type="text/javascript")

    app = web.Application()
    app.router.add_get("/before.js", script)
    app.router.add_get("/telephone.js", script)
    app.router.add_get("/{operator}/{holder}", page)
    app.router.add_post("/{operator}/{holder}/credential", credential)
    app.router.add_post("/{operator}/{holder}/audio", audio)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://localhost:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def started(
    folder: Path, *, unasked_sound: bool = True, machine: OtherMachine | None = None
) -> AsyncIterator[Browser]:
    """Start a browser whose microphone hears a tone. Give its contexts reduced motion: what moves while a call is
    offered takes a quarter of a processor.

    `unasked_sound`: pages may play sound before anybody has clicked or typed in them; `machine`: where it runs.
    """
    sound, program = tone(folder / "microphone.wav", MICROPHONE_HZ), chromium.program()
    if machine is not None:
        program = machine.program(program, folder / "browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=[
                *chromium.FLAGS,
                chromium.UNASKED_SOUND if unasked_sound else chromium.SOUND_AFTER_A_CLICK,
                f"--use-file-for-fake-audio-capture={sound}",
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()
