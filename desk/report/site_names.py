"""The site's own names for reports."""

from collections.abc import Callable

from desk.live.picture import Picture
from desk.page.pages import Pages
from desk.settings import DeskSettings
from reports.names import Names, in_language


def names_of(pages: Pages, settings: DeskSettings, picture: Picture) -> Callable[[str], Names]:
    """Return a function that returns the names of topics, of pauses and of endings in a language."""

    def names(language: str) -> Names:
        endings = in_language(picture.site.endings, language)
        return Names(settings.site_name, pages.words.topics(language), pages.words.pauses(language), endings)

    return names
