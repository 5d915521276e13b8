"""The bench's requests to the control API and to Asterisk."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from bench.floor.line import Line


class Control:
    """The requests to one line; call `close` at the end."""

    def __init__(self, line: Line) -> None:
        self._line = line
        timeout = aiohttp.ClientTimeout(total=10)
        # One connection per request: what a controller keeps for a connection would look like something left behind.
        here = aiohttp.TCPConnector(force_close=True)
        there = aiohttp.TCPConnector(force_close=True)
        token = {"Authorization": f"Bearer {line.token}", "Hatif-Actor": "bench"}
        self._control = aiohttp.ClientSession(headers=token, timeout=timeout, connector=here)
        auth = aiohttp.BasicAuth(line.ari_user, line.ari_password)
        self._ari = aiohttp.ClientSession(auth=auth, timeout=timeout, connector=there)

    async def close(self) -> None:
        await self._control.close()
        await self._ari.close()

    async def get(self, path: str) -> Any:
        """Return the answer; None if no controller answers."""
        try:
            async with self._control.get(f"{self._line.control}/v1{path}") as answer:
                return await answer.json() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def operators(self) -> dict[str, Any]:
        """Return the operators by id; empty if no controller answers."""
        return {row["id"]: row for row in await self.get("/operators") or ()}

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> int:
        """Return the status; 0 if no controller answers."""
        try:
            async with self._control.post(f"{self._line.control}/v1{path}", json=body) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def ari(self, path: str) -> Any:
        """Return Asterisk's answer. Raises aiohttp.ClientError and TimeoutError."""
        async with self._ari.get(f"{self._line.ari}{path}") as answer:
            answer.raise_for_status()
            return await answer.json()
