"""The versions of what callers hear: the one for new calls, and those that calls in progress began with.

A version is the flow, the guide and the list of audio (which holds the texts) as they were together. It is kept in a
folder of its own until no call can name it, so that a call finishes on what it began with, also after a restart.
"""

import asyncio
import hashlib
import os
import shutil
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from ivr.flow import model
from ivr.flow.model import Flow
from ivr.flow.saved import Saved
from ivr.site import guide as guides
from ivr.site.findings import Finding, SiteError, count_and_name
from ivr.site.guide import Guide
from ivr.site.site import Site
from prompts import manifest
from prompts.manifest import Manifest

log = structlog.get_logger()

_KEPT_S = 24 * 3600
"""No call lasts a day: so long a version is kept after the last call can have begun with it."""

_FLOW, _GUIDE = "flow.yaml", "guide"


@dataclass(frozen=True, slots=True, weakref_slot=True)
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
    """`site` is its folder, `folder` the one of all versions, `sounds` that of the audio.

    What is saved may be out of order just when a controller starts: then new calls go by the version that was in use
    last. Raises SiteError, ManifestError if there is none either.
    """

    def __init__(self, site: Path, folder: Path, sounds: Path, settings: Site) -> None:
        self._site, self._folder, self._sounds, self._settings = site, folder, sounds / manifest.FILE, settings
        self.saved = Saved([site / _FLOW, self._sounds], site / _GUIDE)
        self._reloading = asyncio.Lock()
        # Those that a call, or we, go by: they live as long as somebody holds them.
        self._versions: weakref.WeakValueDictionary[str, Version] = weakref.WeakValueDictionary()
        try:
            self._current = self._load()
        except Exception as error:  # whatever it is: there may be callers
            last = self._last()
            if last is None:
                raise
            log.error("What callers hear is not in order; the version that was in use last goes on", error=str(error))
            self._current = last

    @property
    def current(self) -> Version:
        """The version for a new call."""
        return self._current

    def stale(self) -> bool:
        """Whether something was saved that nobody has looked at yet. Cheap: asked for every new call."""
        return self.saved.stale()

    async def refresh(self) -> Version:
        """The version of what is saved, if that is in order, else the last good one; calls go on meanwhile."""
        if self.stale():
            try:
                await self.reload()
            except Exception as error:  # whatever it is: this is in a call's way
                log.error("What callers hear was changed but is not in order; the former stays", error=str(error))
        return self._current

    async def reload(self) -> Version:
        """Takes what is saved into use for new calls. Raises SiteError, ManifestError; then the former stays."""
        async with self._reloading:
            self.saved.note()
            before = self._current
            self._current = await asyncio.to_thread(self._load, whole=True)
            await asyncio.to_thread(self._retire, before)
        if self._current.name != before.name:
            log.info("What callers hear has changed; new calls use it", version=self._current.name)
        return self._current

    def version(self, name: str) -> Version | None:
        """The version that a call began with; None if it is not there any more."""
        found = self._versions.get(name)
        if found is None and name.isalnum():
            folder = self._folder / name
            try:
                files = _Files(
                    model.read(folder / _FLOW), guides.read(folder / _GUIDE), (folder / manifest.FILE).read_bytes()
                )
                found = self._versions[name] = _kept(files, folder)
            except (OSError, SiteError, manifest.ManifestError) as error:
                log.error("The version that a call began with is gone", version=name, error=str(error))
        return found

    def _last(self) -> Version | None:
        """The version that was in use last: its folder was touched after all others."""
        kept = sorted(self._folder.glob("[!.]*/"), key=lambda folder: folder.stat().st_mtime, reverse=True)
        return next((found for folder in kept if (found := self.version(folder.name)) is not None), None)

    def _retire(self, former: Version) -> None:
        """The day of `former` begins; versions whose day is over go, unless a call goes by them."""
        try:
            if former.name != self._current.name:
                # By a clock of our own: the kernel's may stand still for some milliseconds.
                now = time.time_ns()
                os.utime(self._folder / former.name, ns=(now, now))
                os.utime(self._folder / self._current.name, ns=(now + 1000, now + 1000))
            for folder in self._folder.iterdir():
                old = time.time() - folder.stat().st_mtime > _KEPT_S
                if old and folder.name not in self._versions:
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            log.error("Former versions cannot be looked after", error=str(error))

    def _load(self, *, whole: bool = False) -> Version:
        """`whole`: also refused if a language lacks audio. (At a start its callers hear another language's.)"""
        try:
            sounds = self._sounds.read_bytes()
        except OSError:
            remedy = "run `hatif prompts build` (or `hatif setup`)"
            raise SiteError(Finding("E_AUDIO_MISSING", str(self._sounds), 1, "there is no audio", remedy)) from None
        files = _Files(model.read(self._site / _FLOW), guides.read(self._site / _GUIDE), sounds)
        guide = guides.parse(files.guide, self._site / _GUIDE, tuple(self._settings.countries))
        heard = manifest.parse(files.sounds, self._sounds)
        # Where a language lacks a text that another has, its callers hear that one.
        flow = model.parse(files.flow, str(self._site / _FLOW), self._settings.languages, heard.ids, guide)
        version = Version(files.name, flow, guide, heard)
        if whole and (silent := list(self._silent(version))):
            raise SiteError(*silent)
        self._versions[version.name] = version
        try:
            self._keep(version, files)
        except OSError as error:
            log.error("A version cannot be kept: a restart would lead its callers to an operator", error=str(error))
        return version

    def _silent(self, version: Version) -> Iterator[Finding]:
        needed = version.flow.texts | set(version.flow.announcements) | guides.text_ids(version.guide)
        for language in self._settings.languages:
            lacking = sorted(needed.difference(version.sounds.prompts.get(language, {})))
            if lacking:
                found = f"{count_and_name(lacking)} of {len(needed)} texts in {language} have no audio"
                yield Finding("E_AUDIO_MISSING", str(self._sounds), 1, found, "run `hatif prompts build`")

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
        now = time.time_ns()
        os.utime(kept, ns=(now, now))


def _kept(files: _Files, folder: Path) -> Version:
    """A version that was in order by the site of its day: only the shape of its files is looked at.

    Raises SiteError, ManifestError.
    """
    flow, guide = model.shaped(files.flow, str(folder / _FLOW)), guides.parse(files.guide, folder / _GUIDE)
    return Version(files.name, flow, guide, manifest.parse(files.sounds, folder / manifest.FILE))
