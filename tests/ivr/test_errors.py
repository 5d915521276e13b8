"""An error of ours is one sentence on the command line; any other keeps its traceback."""

import importlib

import pytest

from ivr.cli import main
from ivr.home.settings import SettingsError


def test_each_error_that_is_said_in_a_sentence_is_a_class_of_the_module_that_is_named() -> None:
    for module, name in main._USER_ERRORS:
        found = getattr(importlib.import_module(module), name)
        assert issubclass(found, Exception), name
        assert found.__module__ == module, name


def test_an_error_is_ours_by_its_class_and_not_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class NarrowerError(SettingsError):
        pass

    namesake = type("SettingsError", (Exception,), {})

    def fails() -> None:
        raise raised

    monkeypatch.setattr(main, "app", fails)
    raised: Exception = NarrowerError("what is wrong")
    with pytest.raises(SystemExit):
        main.main()
    assert capsys.readouterr().err == "hatif: what is wrong\n"
    raised = namesake("of another library")
    with pytest.raises(namesake):
        main.main()
