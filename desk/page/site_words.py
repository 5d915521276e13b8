"""The site's own words, such as the names of topics and of pauses, from its catalogues of spoken texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from desk.page import texts
from prompts import catalogue, vowels
from prompts.sources import CatalogueError

log = structlog.get_logger()

_TOPIC, _PAUSE, _MISSING = "talk_topic_", "code_pause_", "missing_"


@dataclass(frozen=True, slots=True)
class SiteWords:
    """Texts by language and id, as they are written rather than spoken."""

    _texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def topic(self, language: str, topic: str | None) -> str:
        """Return the name of a topic; nothing without one."""
        return self._name(language, _TOPIC, topic) if topic else ""

    def pause(self, language: str, reason: str | None) -> str:
        """Return the name of a reason for a pause; nothing without one."""
        return self._name(language, _PAUSE, reason) if reason else ""

    def choice(self, language: str, text: str) -> str:
        """Return the words of a menu's option."""
        return self._name(language, "", text)

    def topics(self, language: str) -> dict[str, str]:
        """Return the names of all topics."""
        return self._all(language, _TOPIC)

    def pauses(self, language: str) -> dict[str, str]:
        """Return the names of all reasons for a pause."""
        return self._all(language, _PAUSE)

    def missing(self, language: str) -> dict[str, str]:
        """Return what an applicant may have to bring: the site's words, each with its name."""
        return self._all(language, _MISSING)

    def all_missing(self) -> frozenset[str] | None:
        """Return the site's words for what an applicant may have to bring; None without any text."""
        found = {text.removeprefix(_MISSING) for texts in self._texts.values() for text in texts if _is_missing(text)}
        return frozenset(found) if self._texts else None

    def _all(self, language: str, kind: str) -> dict[str, str]:
        found = self._texts.get(language, {})
        return {text.removeprefix(kind): name for text, name in found.items() if text.startswith(kind)}

    def _name(self, language: str, kind: str, name: str) -> str:
        return self._texts.get(language, {}).get(kind + name) or name.replace("_", " ").capitalize()


def _is_missing(text: str) -> bool:
    return text.startswith(_MISSING)


def load(site: Path | None) -> SiteWords:
    """Return the words of a site's folder; none, and a warning, if its catalogues cannot be read."""
    if site is None:
        return SiteWords()
    try:
        found = catalogue.load(site)
    except CatalogueError as error:
        log.warning("the site's catalogues cannot be read; the desk shows ids instead of names", reason=str(error))
        return SiteWords()
    return SiteWords(
        {
            language: {text: _written(spoken) for text in found.ids if (spoken := found.text(language, text))}
            for language in texts.LANGUAGES
        }
    )


def _written(spoken: str) -> str:
    return vowels.bare(spoken).strip().rstrip(".,:؟?!،")
