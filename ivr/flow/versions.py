"""The versions of what callers hear: the one for new calls, and those that calls in progress began with.

A version is the flow, the guide and the list of audio (which holds the texts) as they were together. It is kept in a
folder of its own until no call can name it, so that a call finishes on what it began with, also after a restart.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from ivr import guide as guides
from ivr.findings import Finding, SiteError
from ivr.flow import model
from ivr.flow.model import Flow
from ivr.guide import Guide
from ivr.site import Site
from prompts import manifest
from prompts.manifest import Manifest

log = structlog.get_logger()

_KEPT_S = 24 * 3600
"""No call lasts a day: so long a version is kept after the last call can have begun with it."""

_FLOW, _GUIDE = "flow.yaml", "guide"


@dataclass(frozen=True, slots=True)
class Version:
    """What a call goes by from its beginning to its end. `name` is made of the content of all that is in it."""

    name: str
    flow: Flow
    guide: Guide
    sounds: Manifest


@dataclass(frozen=True, slots=True)
class _Files:
    """The content of a version, as it stands in files."""

    flow: str
    guide: Mapping[str, str]
    sounds: bytes

    @property
    def name(self) -> str:
        digest = hashlib.sha256(self.flow.encode())
        for name, text in sorted(self.guide.items()):
            digest.update(f"\0{name}\0{text}".encode())
        digest.update(b"\0")
        digest.update(self.sounds)
        return digest.hexdigest()[:12]


class Flows:
    """`site` is its folder, `folder` the one of all versions, `sounds` that of the audio. Raises SiteError,
    ManifestError if there is no version to begin with."""

    def __init__(self, site: Path, folder: Path, sounds: Path, settings: Site) -> None:
        self._site, self._folder, self._sounds, self._settings = site, folder, sounds / manifest.FILE, settings
        self._seen = self._stamp()
        self._reloading = asyncio.Lock()
        self._versions: dict[str, Version] = {}
        self._current = self._load()

    @property
    def current(self) -> Version:
        """The version for a new call."""
        return self._current

    def stale(self) -> bool:
        """Whether something was saved that nobody has looked at yet. Cheap: asked for every new call."""
        return self._stamp() != self._seen

    async def refresh(self) -> Version:
        """The version of what is saved, if that is in order, else the last good one; calls go on meanwhile."""
        if self.stale():
            try:
                await self.reload()
            except (SiteError, manifest.ManifestError) as error:
                log.error("What callers hear was changed but is not in order; the former stays", error=str(error))
        return self._current

    async def reload(self) -> Version:
        """Takes what is saved into use for new calls. Raises SiteError, ManifestError; then the former stays."""
        async with self._reloading:
            self._seen = self._stamp()
            before = self._current
            self._current = await asyncio.to_thread(self._load)
        if self._current.name != before.name:
            log.info("What callers hear has changed; new calls use it", version=self._current.name)
        return self._current

    def version(self, name: str) -> Version | None:
        """The version that a call began with; None if it is not there any more."""
        if name not in self._versions and name.isalnum():
            folder = self._folder / name
            try:
                files = _Files(
                    model.read(folder / _FLOW), guides.read(folder / _GUIDE), (folder / manifest.FILE).read_bytes()
                )
                self._versions[name] = self._made(files, str(folder / _FLOW), check_texts=False)
            except (OSError, SiteError, manifest.ManifestError) as error:
                log.error("The version that a call began with is gone", version=name, error=str(error))
        return self._versions.get(name)

    def tidy(self, used: Collection[str]) -> None:
        """Removes versions that no call can name: none of `used`, and retired for a day."""
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            retired = time.time() - folder.stat().st_mtime > _KEPT_S
            if folder.name not in {self._current.name, *used} and retired:
                shutil.rmtree(folder, ignore_errors=True)
                self._versions.pop(folder.name, None)

    def _stamp(self) -> tuple[object, ...]:
        files = [os.fspath(self._site / _FLOW), os.fspath(self._sounds)]
        with contextlib.suppress(OSError), os.scandir(self._site / _GUIDE) as entries:
            files += sorted(entry.path for entry in entries)
        return tuple([_of(file) for file in files])

    def _load(self) -> Version:
        try:
            sounds = self._sounds.read_bytes()
        except OSError:
            remedy = "run `hatif prompts build` (or `hatif setup`)"
            raise SiteError(Finding("E_AUDIO_MISSING", str(self._sounds), 1, "there is no audio", remedy)) from None
        files = _Files(model.read(self._site / _FLOW), guides.read(self._site / _GUIDE), sounds)
        version = self._made(files, str(self._site / _FLOW), check_texts=True)
        self._keep(version, files)
        return version

    def _made(self, files: _Files, where: str, *, check_texts: bool) -> Version:
        guide = guides.parse(files.guide, Path(where).parent / _GUIDE, tuple(self._settings.countries))
        sounds = manifest.parse(files.sounds, self._sounds)
        # The ids that have audio in some language; where another lacks it, its callers hear that one.
        known = {prompt for prompts in sounds.prompts.values() for prompt in prompts} if check_texts else None
        flow = model.parse(files.flow, where, self._settings.languages, known, guide)
        return Version(files.name, flow, guide, sounds)

    def _keep(self, version: Version, files: _Files) -> None:
        """On disk before a call begins with it: whole or not at all."""
        kept = self._folder / version.name
        if not kept.is_dir():
            draft = self._folder / f".{version.name}.new"
            shutil.rmtree(draft, ignore_errors=True)
            (draft / _GUIDE).mkdir(parents=True)
            (draft / _FLOW).write_text(files.flow, encoding="utf-8")
            for name, text in files.guide.items():
                (draft / _GUIDE / name).write_text(text, encoding="utf-8")
            (draft / manifest.FILE).write_bytes(files.sounds)
            draft.rename(kept)
        former = self._folder / self._current.name if self._versions else None
        if former is not None and former != kept and former.is_dir():
            os.utime(former)  # its day begins now
        os.utime(kept)
        self._versions[version.name] = version


def _of(path: str) -> tuple[int, int]:
    try:
        stat = os.stat(path)  # noqa: PTH116 - some twenty for each new call
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
