"""A user error is one sentence on the command line; any other error keeps its traceback."""

import pytest

from cli import main
from ivr.home.settings import SettingsError


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
