"""A site in a folder one of whose languages has a slow voice, and its clips."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import prompt_sites as sites

from prompts import catalogue, manifest
from prompts.background import Background
from prompts.build import BuildReport, build
from prompts.clip_store import ClipStore
from prompts.manifest import Manifest
from prompts.names import Name
from prompts.progress import Progress
from prompts.prompt_list import list_prompts
from prompts.slow_status import SlowStatus, slow_statuses
from prompts.slow_voices import SlowClips, slow_clips
from prompts.voices import Voice
from prompts.voices.choice import Choice

NAME = "piper:slow.onnx"
QUICK = Voice("quick", "prompt_engine", "voice")
TABLE = {"en": QUICK, "fr": QUICK}
HELLO = {"hello": "Hello.", "wait": "Please wait.", "guide_visa_fee": "It costs little."}


def slow(**settings: float) -> Choice:
    """Return the choice of a slow voice for English."""
    voice = Voice(NAME, "prompt_engine", "voice", settings=tuple(settings.items()), slow=True)
    return Choice({"en": NAME}, {"en": voice}, {})


SLOW = slow(pitch=2.0)


class Site:
    """A site with English and French texts in a folder, and the clips of slow voices in another one."""

    def __init__(self, folder: Path, store: Path, chosen: Choice = SLOW) -> None:
        self.folder, self.store, self.chosen = folder, ClipStore(store), chosen
        self.table = TABLE
        self.noted: list[Progress] = []
        self.limits: list[str] = []  # that the voice breaks

    def say(self, texts: Mapping[str, str]) -> None:
        for language in ("en", "fr"):
            sites.catalogue(self.folder, language, {key: (text, f"{language} {text}") for key, text in texts.items()})

    def build(self, switched: Sequence[str] = (), names: Sequence[Name] = ()) -> BuildReport:
        return build(
            catalogue.load(self.folder),
            self.folder / "sounds",
            self.folder / "recordings",
            names=names,
            voices=self.table,
            chosen=self.chosen,
            clips=self.store,
            switched=switched,
        )

    def clips(self) -> SlowClips:
        return slow_clips(list_prompts(catalogue.load(self.folder)), self.chosen, self.folder / "recordings")

    def heard(self) -> Manifest:
        return manifest.load(self.folder / "sounds" / manifest.FILE)

    def sources(self, language: str = "en") -> dict[str, str]:
        return {prompt: audio.source for prompt, audio in self.heard().prompts[language].items()}

    def voice(self) -> str:
        """Return the one voice of English. AssertionError if there are two."""
        (source,) = set(self.sources().values()) - {"recording"}
        return source

    def in_the_background(self, busy: Callable[[], bool] = lambda: False) -> Mapping[str, str]:
        def switch(language: str) -> list[str]:
            if not self.limits:
                assert self.build([language]).problems == ()
            return self.limits

        return Background(
            self.store, lambda: (self.clips(), self.heard()), switch, self.noted.append, busy, time_limit=20
        ).run()

    def status(self) -> SlowStatus:
        (found,) = slow_statuses(self.clips(), self.heard(), self.store, self.noted[-1] if self.noted else None)
        return found


def site_in(folder: Path) -> Site:
    """Return a site with a few texts, whose English is to have the slow voice."""
    made = Site(folder / "site", folder / "clips")
    made.say(HELLO)
    return made


def switched_in(folder: Path, made: Path) -> Site:
    """Return such a site whose English has its slow voice: a copy of one that was made in `made`, if there is one."""
    if not made.exists():
        site = site_in(made)
        site.build()
        assert site.in_the_background() == {}
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return Site(folder / "site", folder / "clips")
