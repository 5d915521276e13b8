"""The line of this measurement: the example site with a small team."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bench import hatif, media
from bench.faults.callers import team
from bench.floor.line import RING_S, Line, change_site, line_of, write_site
from bench.queue_lines import share_sounds
from prompts import manifest

CHANGES = (("site.toml", rf"^ring_s = {RING_S}", "ring_s = 15"),)  # a telephone may ring throughout a fault

_CONTROLLER = ("language_", "another_", "key_", "main_", "greeting")  # the beginnings of texts that only it plays
_FALLBACK = ("moment", "fallback_wait", "fallback_nobody")


@asynccontextmanager
async def up(home: Path, offset: int) -> AsyncIterator[Line]:
    """Start the line. Raises LineError and `bench.hatif.UpError`."""
    of, site = team(), home / "site"
    write_site(site, of)
    change_site(site, CHANGES)
    share_sounds(home)
    async with hatif.run_hatif(home, site, offset) as running:
        yield line_of(home, offset, of, running)


def voices(home: Path) -> Mapping[bytes, str]:
    """Return by whom a packet of sound is played: controller or fallback, for what only one of them plays."""
    names = manifest.load(home / "sounds" / manifest.FILE)
    found: dict[bytes, str] = {}
    both: set[bytes] = {media.SILENCE}
    for who, beginnings in (("controller", _CONTROLLER), ("fallback", _FALLBACK)):
        for language in names.languages:
            for text in names.ids:
                if text.startswith(beginnings) and (file := names.file(language, text)) is not None:
                    paths = [path for path in manifest.paths(home / "sounds", file) if path.suffix == ".alaw"]
                    for frame in media.frames(path for path in paths if path.is_file()):
                        if found.setdefault(frame, who) != who:
                            both.add(frame)
    return {frame: who for frame, who in found.items() if frame not in both}
