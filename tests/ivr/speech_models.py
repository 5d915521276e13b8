"""The models of recognisers, as a fixture."""

import pytest

from cli.speech.fetch import fetch
from ivr.home import settings
from speech.models import Models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The real recogniser, fetched into the user's cache as the process does it; 133 MB the first time."""
    found = Models(tmp_path_factory.mktemp("speech"), settings.read().cache)
    fetch(found)
    return found
