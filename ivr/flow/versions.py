"""Versions of what callers hear: the one for new calls, and those that current calls began with.

A version is the flow, the guide, the consulates and the list of audio (which includes the texts), as they were
together. It is kept in a directory of its own until no call can name it, so that a call ends with what it began with,
even after a restart.
"""

import asyncio
import hashlib
import os
import shutil
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ivr.flow import model
from ivr.flow.missing_audio import MissingAudio, count_missing, find_missing, needed_texts
from ivr.flow.model import Flow
from ivr.flow.saved import SavedFiles
from ivr.site import consulates
from ivr.site import guide as guides
from ivr.site.consulates import Consulates
from ivr.site.findings import Finding, SiteError, count_and_name
from ivr.site.guide import Guide
from ivr.site.site import Site
from prompts import manifest, spoken_words
from prompts.manifest import Manifest
from prompts.spoken_words import Words

log = structlog.get_logger()

_KEPT_S = 24 * 3600
"""How long a version is kept after the last call can have begun with it; no call lasts a day."""

_FLOW, _GUIDE = "flow.yaml", "guide"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Version:
    """The flow, guide, consulates and audio of a call, from beginning to end. `name` comes from all their content."""

    name: str
    flow: Flow
    guide: Guide
    sounds: Manifest
    words: Words = field(default_factory=dict)  # that callers may say
    consulates: Consulates = field(default_factory=Consulates)


@dataclass(frozen=True, slots=True)
class _Files:
    """The content of a version, as found in its files."""

    flow: str
    guide: Mapping[str, str]
    sounds: bytes
    words: bytes
    consulates: str

    @property
    def name(self) -> str:
        digest = hashlib.sha256(self.flow.encode())
        for name, text in sorted(self.guide.items()):
            digest.update(f"\0{name}\0{text}".encode())
        digest.update(b"\0")
        digest.update(self.sounds)
        if self.words:
            digest.update(b"\0")
            digest.update(self.words)
        if self.consulates:
            digest.update(f"\0{consulates.FILE}\0{self.consulates}".encode())
        return digest.hexdigest()[:12]


class VersionStore:
    """Loads, keeps and removes versions.

    `site` is the site's directory, `folder` that of all versions, `sounds` that of the audio.

    The saved files may be invalid at the very moment a controller starts. New calls then use the version that was in
    use last. Raises SiteError or ManifestError if there is none either.
    """

    def __init__(self, site: Path, folder: Path, sounds: Path, settings: Site) -> None:
        self._site, self._folder, self._sounds, self.settings = site, folder, sounds / manifest.FILE, settings
        self._words = sounds / spoken_words.FILE
        self.saved = SavedFiles([site / _FLOW, site / consulates.FILE, self._sounds, self._words], site / _GUIDE)
        self._reloading = asyncio.Lock()
        # The versions used by a call, or by us: they live as long as somebody holds them.
        self._versions: weakref.WeakValueDictionary[str, Version] = weakref.WeakValueDictionary()
        try:
            self._current = self._load()
        except Exception as error:  # whatever it is: there may be callers
            last = self._last()
            if last is None:
                raise
            log.error("The flow, guide or audio is invalid; the version used last stays in use", error=str(error))
            self._current = last

    @property
    def current(self) -> Version:
        """The version for a new call."""
        return self._current

    def stale(self) -> bool:
        """Return whether something was saved that has not been read yet. Cheap: called for every new call."""
        return self.saved.stale()

    async def refresh(self) -> Version:
        """Return the version of the saved files if they are valid, otherwise the last valid one. Calls continue."""
        if self.stale():
            try:
                await self.reload()
            except Exception as error:  # whatever it is: this is in a call's way
                log.error(
                    "The flow, guide or audio was changed but is invalid; the old version stays", error=str(error)
                )
        return self._current

    async def reload(self) -> Version:
        """Use the saved files for new calls. Raises SiteError or ManifestError; then the old version stays in use."""
        async with self._reloading:
            self.saved.note()
            before = self._current
            self._current = await asyncio.to_thread(self._load, whole=True)
            await asyncio.to_thread(self._retire, before)
        if self._current.name != before.name:
            log.info("The flow, guide or audio has changed; new calls use it", version=self._current.name)
        return self._current

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Load nothing inside the block, in which files of the site are exchanged; a call that begins waits for it."""
        async with self._reloading:
            yield

    def version(self, name: str) -> Version | None:
        """Return the version that a call began with, or None if it no longer exists."""
        found = self._versions.get(name)
        if found is None and name.isalnum():
            folder = self._folder / name
            try:
                files = _Files(
                    model.read(folder / _FLOW),
                    guides.read(folder / _GUIDE),
                    (folder / manifest.FILE).read_bytes(),
                    _content(folder / spoken_words.FILE),
                    consulates.read(folder / consulates.FILE),
                )
                found = self._versions[name] = _read_kept(files, folder)
            except (OSError, SiteError, manifest.ManifestError) as error:
                log.error("The version that a call began with is gone", version=name, error=str(error))
        return found

    def _last(self) -> Version | None:
        """Return the version that was in use last: its directory was touched last."""
        kept = sorted(self._folder.glob("[!.]*/"), key=lambda folder: folder.stat().st_mtime, reverse=True)
        return next((found for folder in kept if (found := self.version(folder.name)) is not None), None)

    def _retire(self, former: Version) -> None:
        """Start the day of grace of `former`, and remove versions after theirs, unless a call uses them."""
        try:
            if former.name != self._current.name:
                # From our own clock: the kernel's may stand still for some milliseconds.
                now = time.time_ns()
                os.utime(self._folder / former.name, ns=(now, now))
                os.utime(self._folder / self._current.name, ns=(now + 1000, now + 1000))
            for folder in self._folder.iterdir():
                old = time.time() - folder.stat().st_mtime > _KEPT_S
                if old and folder.name not in self._versions:
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            log.error("Old versions cannot be removed", error=str(error))

    def _load(self, *, whole: bool = False) -> Version:
        """Load the saved files. `whole`: refuse them if a language lacks audio (at a start, its callers hear another
        language instead)."""
        try:
            sounds = self._sounds.read_bytes()
        except OSError:
            remedy = "run `hatif prompts build` (or `hatif setup`)"
            raise SiteError(Finding("E_AUDIO_MISSING", str(self._sounds), 1, "there is no audio", remedy)) from None
        listed = self._site / consulates.FILE
        files = _Files(
            model.read(self._site / _FLOW),
            guides.read(self._site / _GUIDE),
            sounds,
            _content(self._words),
            consulates.read(listed),
        )
        countries = tuple(self.settings.countries)
        guide = guides.parse(files.guide, self._site / _GUIDE, countries)
        heard = manifest.parse(files.sounds, self._sounds)
        # Callers hear another language where theirs lacks a text.
        flow = model.parse(files.flow, str(self._site / _FLOW), self.settings.languages, heard.ids, guide)
        posts = consulates.parse(files.consulates, listed, countries)
        version = Version(files.name, flow, guide, heard, spoken_words.parse(files.words), posts)
        if whole and (missing := list(self._missing_audio(version))):
            raise SiteError(*missing)
        self._versions[version.name] = version
        try:
            self._keep(version, files)
        except OSError as error:
            log.error("A version cannot be kept: after a restart its callers would get an operator", error=str(error))
        return version

    def missing_audio(self) -> MissingAudio:
        """Return how much of what new calls say has no audio. It looks at the files: not for use in the event loop."""
        version, folder = self._current, self._sounds.parent
        languages = self.settings.languages
        return count_missing(version.flow, version.guide, version.consulates, version.sounds, languages, folder)

    def _missing_audio(self, version: Version) -> Iterator[Finding]:
        needed = needed_texts(version.flow, version.guide, version.consulates)
        missing = find_missing(needed, version.sounds, self.settings.languages)
        for language, texts in missing.items():
            found = f"{count_and_name(sorted(texts))} of {len(needed)} texts in {language} have no audio"
            yield Finding("E_AUDIO_MISSING", str(self._sounds), 1, found, "run `hatif prompts build`")

    def _keep(self, version: Version, files: _Files) -> None:
        """Write a version to disk before a call begins with it, completely or not at all."""
        kept = self._folder / version.name
        if not kept.is_dir():
            draft = self._folder / f".{version.name}.new"
            shutil.rmtree(draft, ignore_errors=True)
            (draft / _GUIDE).mkdir(parents=True)
            (draft / _FLOW).write_text(files.flow, encoding="utf-8")
            for name, text in files.guide.items():
                (draft / _GUIDE / name).write_text(text, encoding="utf-8")
            (draft / manifest.FILE).write_bytes(files.sounds)
            if files.words:
                (draft / spoken_words.FILE).write_bytes(files.words)
            if files.consulates:
                (draft / consulates.FILE).write_text(files.consulates, encoding="utf-8")
            draft.rename(kept)
        now = time.time_ns()
        os.utime(kept, ns=(now, now))


def _read_kept(files: _Files, folder: Path) -> Version:
    """Return a version that was valid for the site of its day: only the structure of its files is checked.

    Raises SiteError or ManifestError.
    """
    flow, guide = model.parse_kept(files.flow, str(folder / _FLOW)), guides.parse(files.guide, folder / _GUIDE)
    sounds = manifest.parse(files.sounds, folder / manifest.FILE)
    posts = consulates.parse(files.consulates, folder / consulates.FILE)
    return Version(files.name, flow, guide, sounds, spoken_words.parse(files.words), posts)


def _content(file: Path) -> bytes:
    """Return what callers may say; nothing if a site has no such words."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
