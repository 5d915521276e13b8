"""Every `hatif` command on a page exists, every setting is one, and tests that follow pages name them."""

import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import typer.main
from every import every
from page import DOCS, Page, arguments
from typer.core import TyperGroup

from cli.main import COMMANDS, command_line
from ivr.home.settings import EXAMPLE
from ivr.site.carriers import Carrier
from ivr.site.site import Site

PAGES = ("../README.md", "../CONTRIBUTING.md", "../SECURITY.md", *sorted(path.name for path in DOCS.glob("*.md")))

IDENTITY = {"carrier": "name", "number": "number"}
"""Of the entries of lists."""


@pytest.fixture(scope="module")
def hatif() -> TyperGroup:
    group = typer.main.get_command(command_line(*COMMANDS))
    assert isinstance(group, TyperGroup)
    return group


def commands(page: Page) -> Iterator[tuple[int, list[str]]]:
    """Yield the arguments of each `hatif` command of a page, those within sentences too, one for each alternative."""
    for number, text in (*page.lines(), *page.inline()):
        for part in re.split(r"\s(?:&&|;|\|)\s", text):
            try:
                words = arguments(re.sub(r"[\[\]…]|\.\.\.|\s[<>].*", " ", part))
            except ValueError:
                continue
            for chosen in itertools.product(*(word.split("|") for word in words)):
                yield number, [word for word in chosen if word]


def mistake(group: TyperGroup, words: Sequence[str]) -> str | None:
    """Return what is wrong with the arguments of `hatif`, None if there is such a command with such options."""
    command: Any = group
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] == "COMMAND":
            return None
        if rest[0] not in command.commands:
            return f"no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    room = sum(float("inf") if param.nargs < 0 else param.nargs for param in command.params if param.opts[0][0] != "-")
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help", "-"):
            continue
        name, _, value = word.partition("=")
        if word.startswith("-"):
            if name not in options and name not in ("--version", "--install-completion"):
                return f"no option {name}"
            if name in options and not options[name].is_flag and not value and rest:
                rest.pop(0)
        else:
            room -= 1
    return "too many words" if room < 0 else None


@every("name", PAGES)
def test_the_commands_of_a_page_exist(name: str, hatif: TyperGroup) -> None:
    wrong = [
        f"{name}:{number}: hatif {shlex.join(words)}: {what}"
        for number, words in commands(Page(name))
        if (what := mistake(hatif, words)) is not None
    ]
    assert not wrong, "\n".join(wrong)


@every("name", [name for name in PAGES if Page(name).written("toml")])
def test_the_settings_of_a_page_are_accepted_together(name: str) -> None:
    """In the example site; what a page writes for a carrier is added to that carrier."""
    settings = tomllib.loads((EXAMPLE / "site.toml").read_text())
    for text in Page(name).written("toml"):
        written = tomllib.loads(text)
        if written.keys() & Carrier.model_fields.keys() - Site.model_fields.keys():
            written = {"carrier": [{"name": "example", **written}]}  # lines of a carrier that is above them
        add(settings, written)
    if any("registrar" in carrier for carrier in settings["carrier"]):  # such a carrier has no addresses
        for carrier in settings["carrier"]:
            carrier.pop("hosts")
    Site.model_validate(settings)


def add(settings: dict[str, Any], written: dict[str, Any]) -> None:
    for key, value in written.items():
        if key in ("carrier", "number"):
            known = {entry[IDENTITY[key]]: entry for entry in settings[key]}
            for entry in value:
                if entry[IDENTITY[key]] not in known:
                    settings[key].append({"hosts": ["127.0.0.3"], **entry} if key == "carrier" else entry)
                else:
                    known[entry[IDENTITY[key]]] |= entry
        elif isinstance(value, dict) and isinstance(settings.get(key), dict):
            add(settings[key], value)
        else:
            settings[key] = value


FOLLOWED = {
    "add-a-language.md": "prompts/test_prompts_languages.py",
    "api.md": "ivr/test_api_docs.py",
    "backup.md": "pages/test_pages_about_data.py",
    "call-records.md": "pages/test_pages_about_settings.py",
    "check.md": "ivr/test_check_command.py",
    "containers.md": "container/test_container.py",
    "data-protection.md": "pages/test_pages_about_data.py",
    "database.md": "pages/test_pages_about_data.py",
    "desk.md": "desk/pictures.py",
    "dialplan-lint.md": "dialplan/test_lint_command.py",
    "existing-asterisk.md": "asterisk_conf/test_other_asterisk.py",
    "fastagi.md": "pages/test_pages_about_a_line.py",
    "figures.md": "routing/test_figures.py",
    "freepbx.md": "asterisk_conf/test_other_asterisk.py",
    "guide.md": "ivr/test_guide_file.py",
    "hours.md": "pages/test_pages_about_a_line.py",
    "installation.md": "pages/test_pages_about_settings.py",
    "monitoring.md": "monitoring/test_monitoring_pages.py",
    "production.md": "asterisk_conf/booted_driver.py",
    "report.md": "pages/test_pages_about_a_line.py",
    "roster.md": "pages/test_pages_about_a_line.py",
    "softphones.md": "softphones/test_softphones.py",
    "status.md": "pages/test_pages_about_a_line.py",
    "systemd.md": "asterisk_conf/test_booted.py",
    "texts.md": "prompts/test_prompts_texts.py",
    "upkeep.md": "pages/test_pages_about_a_line.py",
}
"""Pages and the tests that read them, or that say in their first line that they do what the page says."""


def test_the_pages_that_tests_follow_are_named_in_those_tests() -> None:
    """Of all other pages, the tests above know the commands and settings."""
    for page, test in FOLLOWED.items():
        assert (DOCS / page).exists()
        assert page.removesuffix(".md") in (DOCS.parent / "tests" / test).read_text(), test
