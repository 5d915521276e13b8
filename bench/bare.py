"""The thinnest possible controller: measures the cost of ARI itself, without state, recovery, journal or database.

It has a menu with one prompt and one key, and a queue with operators. As in Hatif, the requests of a step are sent
together on the events' own WebSocket, with our own ids, and nothing waits for an answer. `bench.menu` runs it; the
address with user and password is passed in BENCH_ARI, so that it does not appear in the process list.
"""

import gc
import itertools
import os
import sys
from collections import deque

import aiohttp
import orjson
import uvloop

APP = "bench"


class Bare:
    """The calls of the application `bench` on one Asterisk."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, first: str, following: str, operators: list[str]):
        self._socket, self._first, self._following = socket, first, following
        self._number = itertools.count()
        self._menu: set[str] = set()
        self._waiting: deque[str] = deque()
        self._free = deque(operators)
        self._legs: dict[str, tuple[str, str]] = {}  # leg -> operator, caller
        self._callers: dict[str, str] = {}  # caller -> leg
        self._bridges: set[str] = set()

    async def send(self, method: str, uri: str, **query: str) -> None:
        request = {
            "type": "RESTRequest",
            "transaction_id": "",
            "request_id": str(next(self._number)),
            "method": method,
            "uri": uri,
            "query_strings": [{"name": name, "value": value} for name, value in query.items()],
        }
        await self._socket.send_str(orjson.dumps(request).decode())

    async def run(self) -> None:
        async for message in self._socket:
            event = orjson.loads(message.data)
            channel = event["channel"]["id"] if "channel" in event else ""
            match event["type"]:
                case "StasisStart":
                    await self._started(channel, event["args"][0])
                case "ChannelDtmfReceived" if channel in self._menu:
                    await self.send("DELETE", f"playbacks/first-{channel}")
                    await self.send("POST", f"channels/{channel}/play/next-{channel}", media=self._following)
                case "StasisEnd" | "ChannelDestroyed":
                    await self._ended(channel)
                case "RESTResponse" if event["status_code"] >= 500:  # 4xx: the channel hung up before our request
                    print(message.data, file=sys.stderr)

    async def _started(self, channel: str, what: str) -> None:
        match what:
            case "menu":
                self._menu.add(channel)
                await self.send("POST", f"channels/{channel}/answer")
                await self.send("POST", f"channels/{channel}/play/first-{channel}", media=self._first)
            case "wait":
                await self.send("POST", f"channels/{channel}/answer")
                await self.send("POST", f"channels/{channel}/moh", mohClass="hatif")
                self._waiting.append(channel)
                await self._offer()
            case "leg" if channel in self._legs:
                caller = self._legs[channel][1]
                self._bridges.add(channel)
                await self.send("POST", f"bridges/{channel}", type="mixing")
                await self.send("POST", f"bridges/{channel}/addChannel", channel=f"{caller},{channel}")

    async def _offer(self) -> None:
        while self._free and self._waiting:
            operator, caller = self._free.popleft(), self._waiting.popleft()
            leg = f"leg-{next(self._number)}"
            self._legs[leg], self._callers[caller] = (operator, caller), leg
            await self.send(
                "POST", f"channels/{leg}", endpoint=f"PJSIP/{operator}", app=APP, appArgs="leg", timeout="15"
            )

    async def _ended(self, channel: str) -> None:
        """Handle a channel's first sign of its end. A leg's end frees its operator, who gets the next caller."""
        self._menu.discard(channel)
        if leg := self._legs.pop(channel, None):
            operator, caller = leg
            self._free.append(operator)
            await self._offer()
            if self._callers.pop(caller, None):
                await self.send("DELETE", f"channels/{caller}")
        elif partner := self._callers.pop(channel, None):
            await self.send("DELETE", f"channels/{partner}")
        elif channel in self._waiting:
            self._waiting.remove(channel)
        if channel in self._bridges:
            self._bridges.remove(channel)
            await self.send("DELETE", f"bridges/{channel}")


async def main() -> None:
    first, following, *operators = sys.argv[1:]
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(os.environ["BENCH_ARI"], compress=0)
        bare = Bare(socket, first, following, operators)
        print("ready", flush=True)
        gc.collect()
        gc.freeze()
        await bare.run()


if __name__ == "__main__":
    uvloop.run(main())
