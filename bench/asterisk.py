"""The measured Asterisk: Hatif's own, with configuration added for the other two ways of answering."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench import bare

CALLERS = "127.0.0.4"  # the carrier of the plain dialplan and of the bare controller
PHONES = "127.0.0.5"  # all operators' telephones
MARK = "; added by bench.menu"


@dataclass(frozen=True, slots=True)
class Prompts:
    """Audio of the menu's prompt and of the prompt after the key: names for Playback, and their .alaw files."""

    first: tuple[str, ...]
    following: tuple[str, ...]
    first_files: tuple[str, ...]
    following_files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asterisk:
    """A running Asterisk. `etc`: its configuration; `sip`: its host and SIP port; `http`: such as "http://127.0.0.1:8088"."""

    pid: int
    etc: Path
    sip: tuple[str, int]
    http: str
    user: str
    password: str = field(repr=False)

    def events(self, application: str) -> str:
        """The address of ARI's WebSocket, including its secret."""
        return f"ws{self.http.removeprefix('http')}/ari/events?app={application}&api_key={self.user}:{self.password}"

    async def version(self) -> str:
        async with self._session() as http, http.get("/ari/asterisk/info") as answer:
            answer.raise_for_status()
            return str((await answer.json())["system"]["version"])

    async def extend(self, prompts: Prompts, phones_port: int, operators: list[str]) -> None:
        """Add the numbers `dialplan`, `bare`, `wait` and `queue`, and static contacts for `operators`, and load them.

        Replaces an earlier addition. Raises aiohttp.ClientError if a reload fails, TimeoutError if the addition does
        not appear.
        """
        first, following = "&".join(prompts.first), "&".join(prompts.following)
        pjsip, members = PJSIP, QUEUE
        for name in operators:
            pjsip += TELEPHONE.format(name=name, contact=f"sip:{name}@{PHONES}:{phones_port}")
            members += f"member => PJSIP/{name}\n"
        added = {
            "pjsip.conf": pjsip,
            "extensions.conf": EXTENSIONS.format(first=first, following=following, app=bare.APP),
            "queues.conf": members,
        }
        for name, text in added.items():
            file = self.etc / name
            file.write_text(f"{file.read_text().partition(MARK)[0]}{MARK}\n{text}")
        async with self._session() as http:
            for module in ("res_pjsip.so", "pbx_config.so", "app_queue.so"):
                async with http.put(f"/ari/asterisk/modules/{module}") as answer:
                    answer.raise_for_status()
            async with asyncio.timeout(10):
                while (await http.get(f"/ari/endpoints/PJSIP/{operators[-1]}")).status != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(self.http, auth=aiohttp.BasicAuth(self.user, self.password))


# The templates `carrier` and `operator` are those of Hatif's own pjsip.conf, so all three ways use the same settings.
PJSIP = f"""
[bench](carrier)
context = bench
allow = alaw,ulaw

[bench]
type = identify
endpoint = bench
match = {CALLERS}
"""

TELEPHONE = """
[{name}](operator)
context = bench
aors = {name}

[{name}]
type = aor
contact = {contact}
"""

EXTENSIONS = """
[bench]
exten => dialplan,1,Goto(bench-menu,s,1)
exten => bare,1,Stasis({app},menu)
exten => wait,1,Stasis({app},wait)
exten => queue,1,Answer()
 same => n,Queue(bench)

[bench-menu]
exten => s,1,Answer()
 same => n,Background({first})
 same => n,WaitExten(10)
exten => 1,1,Playback({following})
"""

QUEUE = """
[bench]
strategy = rrmemory
autofill = yes
retry = 1
timeout = 15
wrapuptime = 0
ringinuse = no
musicclass = hatif
"""
