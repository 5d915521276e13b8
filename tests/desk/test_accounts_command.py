"""`hatif accounts` and `hatif operators login`: who may sign in, and the links for it."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyotp
import pytest
from shell import Shell

from cli.control import actor
from db.engine import open_engine
from desk.people import factors, links, notices
from desk.people.accounts import Person
from ivr.home.settings import EXAMPLE


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made.make_database()
    return made


def who(shell: Shell, url: str) -> Person | None:
    """Return whom a link signs in."""

    async def find() -> Person | None:
        async with open_engine(f"sqlite:///{shell.home / 'hatif.db'}") as engine:
            return await links.find_link(engine, urlsplit(url).path.removeprefix("/link/"), datetime.now(UTC))

    return asyncio.run(find())


def test_an_operator_gets_a_link_with_a_qr_code_and_an_account(shell: Shell) -> None:
    first = json.loads(shell.run("operators", "login", "1002", "--json").stdout)
    assert first["url"].startswith("http://localhost:27080/link/")
    person = who(shell, first["url"])
    assert person is not None and (person.operator, person.role.value) == ("1002", "operator")
    said = shell.run("operators", "login", "1002").stdout
    assert "▄" in said and who(shell, said.splitlines()[0]) is not None
    assert who(shell, first["url"]) is None, "a newer link takes the place of the former one"
    refused = shell.run("operators", "login", "4711")
    assert refused.returncode == 1 and "no operator 4711" in refused.stderr


def test_an_administrator_is_added_disabled_and_enabled(shell: Shell) -> None:
    url = shell.run("accounts", "add", "head", "--name", "Head of Office").stdout.splitlines()[0]
    person = who(shell, url)
    assert person is not None and (person.name, person.role.value, person.operator) == (
        "Head of Office",
        "administrator",
        None,
    )
    again = shell.run("accounts", "add", "head", "--name", "Somebody Else")
    assert again.returncode == 1 and "already" in again.stderr
    assert shell.run("accounts", "disable", "head").returncode == 0
    assert who(shell, url) is None
    refused = shell.run("accounts", "login", "head")
    assert refused.returncode == 1 and "hatif accounts" in refused.stderr
    shell.run("accounts", "enable", "head")
    assert who(shell, shell.run("accounts", "login", "head").stdout.splitlines()[0]) is not None
    (row,) = json.loads(shell.run("accounts", "--json").stdout)
    assert row == {
        "id": "head",
        "name": "Head of Office",
        "role": "administrator",
        "operator": None,
        "password": False,
        "factor": False,
        "disabled": False,
        "gone": False,
    }
    unknown = shell.run("accounts", "disable", "nobody")
    assert unknown.returncode == 1 and "no account 'nobody'" in unknown.stderr


def test_what_the_command_line_does_to_an_account_is_in_the_audit_with_the_user_who_did_it(shell: Shell) -> None:
    shell.run("accounts", "add", "head", "--name", "Head of Office")
    refused = shell.run("accounts", "email", "head", "nobody")
    assert refused.returncode == 1 and "name@example.org" in refused.stderr
    assert "head@example.org" in shell.run("accounts", "email", "head", "head@example.org").stdout
    shell.run("accounts", "disable", "head")
    rows = json.loads(shell.run("audit", "--json").stdout)
    acts = ["account_added", "account_link", "account_email", "account_disabled"]
    assert [row["act"] for row in reversed(rows)] == acts
    assert {(row["by"], row["about"]) for row in rows} == {(actor(), "account:head")}


def test_a_lost_factor_is_removed_on_the_server_and_its_person_is_told(shell: Shell) -> None:
    shell.run("accounts", "add", "head", "--name", "Head of Office")
    refused = shell.run("accounts", "remove-factor", "head")
    assert refused.returncode == 1 and "no account 'head' with a second factor" in refused.stderr

    async def set_up() -> None:
        async with open_engine(f"sqlite:///{shell.home / 'hatif.db'}") as engine:
            offered, now = factors.offer("a key", "head", "s", "Hatif"), datetime.now(UTC)
            given = pyotp.TOTP(offered.secret).at(now)
            assert await factors.set_up(engine, "a key", "head", "s", offered.nonce, given, now, None) == "right"

    async def told() -> list[str]:
        async with open_engine(f"sqlite:///{shell.home / 'hatif.db'}") as engine:
            return [notice.sentence for notice in await notices.latest(engine, "head")]

    asyncio.run(set_up())
    assert [row["factor"] for row in json.loads(shell.run("accounts", "--json").stdout)] == [True]
    assert "no second factor" in shell.run("accounts", "remove-factor", "head").stdout
    assert [row["factor"] for row in json.loads(shell.run("accounts", "--json").stdout)] == [False]
    row = json.loads(shell.run("audit", "--json").stdout)[0]
    assert (row["act"], row["by"], row["about"]) == ("account_factor_removed", actor(), "account:head")
    assert "was removed on the server" in asyncio.run(told())[0]


def test_a_site_without_a_desk_has_no_links(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for path in EXAMPLE.iterdir():
        (site / path.name).symlink_to(path)
    (site / "site.toml").unlink()
    text = (EXAMPLE / "site.toml").read_text()
    (site / "site.toml").write_text(text.replace("[desk]\nenabled = true", "[desk]\nenabled = false"))
    shell = Shell(tmp_path / "home", site)
    for command in (("operators", "login", "1002"), ("desk",)):
        refused = shell.run(*command)
        assert refused.returncode == 1 and "enabled = true in [desk]" in refused.stderr
