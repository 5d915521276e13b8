"""The site's own names for reports."""

from collections.abc import Callable

from desk.page.pages import Pages
from desk.settings import DeskSettings
from reports.names import Names


def names_of(pages: Pages, settings: DeskSettings) -> Callable[[str], Names]:
    """Return a function that returns the names of topics and of pauses in a language."""

    def names(language: str) -> Names:
        return Names(settings.site_name, pages.words.topics(language), pages.words.pauses(language))

    return names
