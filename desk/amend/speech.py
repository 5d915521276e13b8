"""Listening to a text before callers hear it: spoken on demand by the quick voice, in a process of its own."""

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from desk.page.errors import DeskError
from desk.page.texts import N_

if TYPE_CHECKING:
    from prompts.voices.process import VoicePool

KEPT = 40
"""Texts that were spoken last."""
MOST_WAITING = 6
_BUSY = N_("Many texts are being spoken; try again in a moment.")
_UNSPEAKABLE = N_("This text cannot be spoken: %(why)s")


@dataclass(frozen=True, slots=True)
class Said:
    """A text as a WAV file, and how long it lasts."""

    token: str
    seconds: float
    wav: bytes


class Speech:
    """Speaks one text after the other."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, Said] = OrderedDict()
        self._speaking = asyncio.Lock()
        self._waiting = 0
        self._pool: VoicePool | None = None

    def find(self, token: str) -> Said | None:
        """Return what was spoken last, by its token."""
        return self._said.get(token)

    def keep(self, wav: bytes, seconds: float) -> Said:
        token = hashlib.sha256(wav).hexdigest()[:24]
        said = self._said[token] = Said(token, seconds, wav)
        self._said.move_to_end(token)
        while len(self._said) > KEPT:
            self._said.popitem(last=False)
        return said

    async def say(self, language: str, text: str) -> Said:
        """Speak a text as on the telephone. Raises DeskError if it cannot be spoken, or others wait already."""
        if self._waiting >= MOST_WAITING:
            raise DeskError(429, _BUSY)
        self._waiting += 1
        try:
            async with self._speaking:
                wav, seconds = await asyncio.to_thread(self._speak, language, text)
        finally:
            self._waiting -= 1
        return self.keep(wav, seconds)

    async def play(self, path: Path, seconds: float) -> Said:
        """Return a clip that callers hear."""
        from prompts.telephone_wav import telephone_wav  # loads numpy, which other pages do not need

        return self.keep(await asyncio.to_thread(telephone_wav, path), seconds)

    def close(self) -> None:
        """End the voices' processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _speak(self, language: str, text: str) -> tuple[bytes, float]:
        # Voices and audio take a while to load, and most days nobody listens.
        from prompts.audio import AudioError
        from prompts.build import TIME_LIMIT
        from prompts.say import TextError, say
        from prompts.voices.process import VoiceError, VoicePool

        if self._pool is None:
            self._pool = VoicePool(TIME_LIMIT)
        with TemporaryDirectory(prefix="hatif-said-") as folder:
            path = Path(folder) / "said.wav"
            try:
                seconds = say(text, language, path, narrow=True, pool=self._pool)
                return path.read_bytes(), seconds
            except (TextError, VoiceError, AudioError) as error:
                raise DeskError(409, _UNSPEAKABLE, why=str(error)) from None
