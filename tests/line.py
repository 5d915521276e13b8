"""A whole line for the tests: `hatif up` in a folder of its own, and the usual actions of a test."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import made_databases
import numpy as np
import numpy.typing as npt
import psutil
import quick_site
import restore
import shared_audio
import short_audio
import warm_up
from asked import HATIF, Asked
from forked import Forked
from levels import read_ulaw
from places import CACHE as CACHE
from places import CHECKOUT as CHECKOUT

from ivr.audio.audible import SIGNS, Clip, with_pauses
from ivr.home import credentials
from ivr.process.process import process_of, processes
from ivr.site import operators, site
from ivr.softphone.sound import RATE
from ivr.softphone.telephone import Call, Operator, Telephones
from prompts import manifest

FRENCH_NUMBER = "+33800212000"
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""Variables that an administrator's shell may have set. Loopback connections use no proxy, and no test line has one."""


class Line(Asked):
    """`home`: its HATIF_HOME; `site`: a copy of the example site that a test may change; `offset`: of its ports;
    `words`: whether its prompts are spoken, not short; `desk_host`: where its desk listens, if any."""

    desk_host = "127.0.0.1"

    def __init__(self, home: Path, offset: int, database: str | None = None, *, words: bool = False) -> None:
        self.home, self.offset = home, offset
        self.site = home / "site"
        self.database = database or f"sqlite:///{home / 'hatif.db'}"
        self.sip = f"127.0.0.1:{5060 + offset}"
        self._proxy: socket.socket | None = None
        self._up: subprocess.Popen[bytes] | Forked | None = None
        self._killed: int | None = None
        self.cleared_of = 0  # the pid of the controller of the last `cleared`
        quick_site.make(self.site)
        if database is None:
            made_databases.give(home)
        self.speak(words=words)
        self.environment = {
            **os.environ,
            "HATIF_HOME": str(home),
            "HATIF_SITE": str(self.site),
            "HATIF_PORT_OFFSET": str(offset),
            "HATIF_INSTALL": str(CACHE),
            **dict.fromkeys(PROXIES, f"http://127.0.0.1:{8090 + offset}"),
        }
        self.environment.pop("no_proxy", None)
        self.environment.pop("NO_PROXY", None)
        self.environment.pop("HATIF_DATABASE", None)
        if database is not None:
            self.environment["HATIF_DATABASE"] = database

    def proxied(self) -> list[bytes]:
        """Return what this line's processes and commands sent to the proxy of their environment since the last look."""
        assert self._proxy is not None
        sent = []
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._proxy.accept()
                with connection:
                    sent.append(connection.recv(1000))
        return sent

    def speak(self, *, words: bool) -> None:
        """Have the prompts spoken, or short. The next call hears it, as soon as the flow is loaded again."""
        made = CACHE / "sounds"
        of_all = short_audio.spoken_audio if words else short_audio.short_audio
        shared_audio.share(of_all(made, CACHE), self.home / "sounds")

    # Processes

    async def up(self) -> None:
        """Start `hatif up` and wait until calls can be served."""
        if self._proxy is None:
            self._proxy = socket.create_server(("127.0.0.1", 8090 + self.offset))
            self._proxy.setblocking(False)
        with (self.home / "up.log").open("ab") as log:
            self._up = await asyncio.to_thread(self._start, log)
        await self.until(self._serves, 30, "the line is up")

    def _start(self, log: IO[bytes], command: str = "up") -> "subprocess.Popen[bytes] | Forked":
        if not warm_up.is_warm(self.environment):
            return subprocess.Popen([HATIF, command], env=self.environment, stdout=log, stderr=log)
        return warm_up.start([HATIF, command], self.environment, log.fileno())

    async def desk_answers(self) -> None:
        """Wait until the desk takes connections: its process starts beside the controller, and may be the later one."""

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection((self.desk_host, 8080 + self.offset), 2):
                return True
            return False

        await self.until(answers, 60, "the desk answers")

    def _serves(self) -> bool:
        assert self._up is not None
        if self._up.poll() is not None:
            raise AssertionError(f"hatif up ended:\n{(self.home / 'up.log').read_text()[-3000:]}")
        return self.status().get("serves", False) is True

    async def down(self) -> None:
        """Stop everything, including what a killed `hatif up` has left. AssertionError if a proxy was used."""
        if self._up is not None:
            self._up.terminate()
            self._up.send_signal(signal.SIGCONT)  # it may be stopped
            await asyncio.to_thread(self._up.wait, 20)
            self._up = None
        for info in processes(self.home / "run").values():
            if info.alive:
                os.kill(info.pid, signal.SIGKILL)
        if self._proxy is not None:
            sent = self.proxied()
            self._proxy.close()
            self._proxy = None
            assert not sent, f"a proxy saw {sent}"

    @contextlib.contextmanager
    def cold_starts(self) -> Iterator[None]:
        """Start processes inside the block as an administrator's line does, not as tests/warm_up.py does."""
        cold = self.home / warm_up.COLD
        cold.touch()
        try:
            yield
        finally:
            cold.unlink()

    def pid(self, process: str) -> int:
        found = process_of(self.home / "run", process)
        assert found is not None, f"{process} has no pid file"
        return found.pid

    def kill_controller(self) -> int:
        """Kill the controller with `kill -9`; `hatif up` starts another one. Return the former pid."""
        pid = self.pid("ivr")
        os.kill(pid, signal.SIGKILL)
        return pid

    async def controller_back(self, former: int) -> None:
        """Wait until a controller other than `former` has gone on with the calls. The guard waits while it starts."""

        def back() -> bool:
            info = process_of(self.home / "run", "ivr")
            return info is not None and info.alive and info.pid != former and self.status().get("serves") is True

        await self.until(back, 15, "the controller is back")

    async def restart(self) -> float:
        """Kill the controller with `kill -9` and wait for the next one; return how long that took, in seconds."""
        began = time.monotonic()
        await self.controller_back(self.kill_controller())
        return round(time.monotonic() - began, 2)

    @contextlib.contextmanager
    def without_guard(self) -> Iterator[None]:
        """Stop the guard inside the block, but not for longer than `hatif up` bears: it would start another one."""
        guard = self.pid("guard")
        os.kill(guard, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(guard, signal.SIGCONT)

    async def without_controller(self) -> None:
        """Stop the controller until `controller_again`: first `hatif up`, which would restart it, then the controller.

        Waits until Asterisk has noticed: before that it would hand a call to the controller, and then to the guard. If
        calls are up, they keep the controller's application alive, and there is no wait.
        """
        self.without_supervisor()
        calls = self.ari("GET", "/applications/hatif")["channel_ids"]
        self._killed = self.kill_controller()
        if not calls:
            await self.until(lambda: not self.ari("GET", "/applications"), 5, "Asterisk has seen the controller go")

    async def controller_again(self) -> None:
        """Let `hatif up` go on and start another controller. No effect if there is one."""
        if self._killed is not None:
            assert self._up is not None
            self._up.send_signal(signal.SIGCONT)
            killed, self._killed = self._killed, None
            await self.controller_back(killed)

    def without_supervisor(self) -> None:
        """Stop `hatif up` until `start_processes`: it kills a process that hangs, and starts one that has ended."""
        assert self._up is not None
        self._up.send_signal(signal.SIGSTOP)

    async def stop_process(self, name: str) -> None:
        """Kill a process, and keep `hatif up` from starting it again until `start_processes`."""
        self.without_supervisor()
        os.kill(self.pid(name), signal.SIGKILL)

    @contextlib.contextmanager
    def replaced(self, name: str) -> Iterator[None]:
        """Kill another process after `stop_process`, and run one in its place inside the block."""
        killed = psutil.Process(self.pid(name))
        killed.kill()
        with contextlib.suppress(psutil.NoSuchProcess):
            while killed.status() != psutil.STATUS_ZOMBIE:  # until then its ports and its lock are taken
                time.sleep(0.01)
        with (self.home / "up.log").open("ab") as log:
            running = self._start(log, name)
        try:
            yield
            assert running.poll() is None, f"{name} has ended by itself; see up.log"
        finally:
            running.kill()
            running.wait()

    def start_processes(self) -> None:
        """Let `hatif up` go on."""
        assert self._up is not None
        self._up.send_signal(signal.SIGCONT)

    # Restoring the line

    def site_files(self) -> dict[Path, bytes]:
        """Return all files of the site, with those in its folders."""
        return {path: path.read_bytes() for path in self.site.rglob("*") if path.is_file()}

    def write_site(self, files: dict[Path, bytes]) -> bool:
        """Make these all files of the site; return whether any was different."""
        now = self.site_files()
        for path in now.keys() - files.keys():
            path.unlink()
        for path, content in files.items():
            if now.get(path) != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return now != files

    def put_back(self, files: dict[Path, bytes]) -> None:
        if self.write_site(files):
            # At once, not with the next call, whose test may have changed it again.
            self.control("POST", "/flow/reload")

    async def cleared(self) -> None:
        """Restore hours, announcement, holidays and operators' states. AssertionError if a call or a bridge is left."""
        await restore.clear(self)

    def left(self) -> list[str]:
        """Return Asterisk's current channels and bridges."""
        return [f"channel {item['name']}" for item in self.ari("GET", "/channels")] + [
            f"bridge {item['id']}" for item in self.ari("GET", "/bridges")
        ]

    # Telephones and sound

    async def phone(
        self, telephones: Telephones, operator: str, *, answers: float | None = None, **options: Any
    ) -> Operator:
        """Return the registered telephone of an operator on duty; `answers`: at once, with a tone of this many Hz."""
        password = credentials.load(self.home, ()).operators[operator]
        phone = telephones.operator(operator, password, self.sip, **options)
        if answers is not None:
            phone.will_answer(tone_hz=answers)
        await phone.register()
        supervises = next(entry.supervisor for entry in self.operators if entry.id == operator)
        if supervises or self.operator_state(operator) == "paused":
            self.control("POST", f"/operators/{operator}/state", {"state": "ready"})
        on_duty = ("ready", "offered", "talking")
        try:
            await self.until(lambda: self.operator_state(operator) in on_duty, 8, f"operator {operator} is on duty")
        except AssertionError as error:
            row = self.control("GET", f"/operators/{operator}")
            endpoint = self.ari("GET", f"/endpoints/PJSIP/{operator}")
            raise AssertionError(f"{error}: {row}; Asterisk: {endpoint}; {self.logged()[-1500:]}") from None
        return phone

    async def dial(self, telephones: Telephones, caller: str, number: str = FRENCH_NUMBER) -> Call:
        """Return a call that has been answered."""
        call = await telephones.caller(caller).dial(f"sip:{number}@{self.sip}")
        await call.established()
        return call

    async def asks_for_operator(self, telephones: Telephones, caller: str, keys: str = "20") -> Call:
        """Return a caller who has pressed the keys through the menus, without checking whether they wait already."""
        call = await self.dial(telephones, caller)
        await call.press(keys)
        return call

    async def waiting(self, telephones: Telephones, caller: str, language_key: str = "2", topic_key: str = "0") -> Call:
        """Return a caller who has gone through the menus and waits for an operator."""
        call = await self.asks_for_operator(telephones, caller, language_key + topic_key)
        await self.story(
            caller, ended=False, told=lambda story: "waiting" in (item["kind"] for item in story["events"])
        )
        return call

    def audio(self, language: str, *prompts: str) -> npt.NDArray[np.int16]:
        """Return the sound of prompts that a call plays one after the other, 8 kHz."""
        return self.sound([(language, prompt) for prompt in prompts])

    def sound(self, clips: Iterable[Clip]) -> npt.NDArray[np.int16]:
        """Return the sound of clips on the telephone, with the pauses between them, 8 kHz."""
        sounds = self.home / "sounds"
        heard = _manifest(sounds / manifest.FILE, (sounds / manifest.FILE).stat().st_mtime_ns)
        joined = with_pauses(clips)
        files = [SIGNS[clip].file if clip in SIGNS else heard.file(*clip) for clip in joined]
        assert None not in files, joined
        return np.concatenate([read_ulaw(sounds / f"{str(file).removeprefix('hatif/')}.ulaw") for file in files])

    def lasts(self, language: str, prompt: str) -> float:
        """Return the duration of a prompt in seconds."""
        return len(self.audio(language, prompt)) / RATE

    def music(self) -> npt.NDArray[np.int16]:
        """Return the beginning of the waiting music, 1 s."""
        first = min((self.home / "asterisk" / "data" / "moh").glob("*.wav"))
        with wave.open(str(first)) as file:
            return np.frombuffer(file.readframes(8000), np.int16)

    @property
    def settings(self) -> site.Site:
        return site.load(self.site)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.hours.timezone)

    @property
    def operators(self) -> tuple[operators.OperatorEntry, ...]:
        return operators.load(self.site, site.load(self.site).languages)

    def spoken_to(self, operator: str) -> str:
        """Return the language of an operator's prompts: their first one."""
        return next(next(iter(item.languages)) for item in self.operators if item.id == operator)

    def speaks(self, language: str, but: tuple[str, ...] = ()) -> str:
        """Return the id of an operator who speaks it."""
        return next(
            operator.id for operator in self.operators if language in operator.languages and operator.id not in but
        )


@lru_cache(8)
def _manifest(path: Path, _changed_ns: int) -> manifest.Manifest:
    """Return a manifest; reading its 4,000 entries each time would take a fiftieth of a second."""
    return manifest.load(path)


@contextlib.asynccontextmanager
async def running(home: Path, offset: int, database: str | None = None, *, words: bool = False) -> AsyncIterator[Line]:
    line = Line(home, offset, database, words=words)
    try:
        await line.up()
        yield line
    finally:
        await line.down()
