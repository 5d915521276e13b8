"""Whoever let a colleague in has no second person in them, until somebody else has renewed their access."""

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import desk_server
import pytest
import pytest_asyncio
from controller import standing_in
from desk_server import PASSWORD, Answer, Browser, TestDesk, serving
from mail_server import receiving
from site_control import changing

from db import amendments
from db.amendment_data import Amendment
from db.audit import audit_entries
from db.engine import open_engine, writing
from db.enums import AccountChange, AccountRole, AmendmentState
from db.ids import uuid7
from db.second_person import let_in_by
from desk.control import ControlError
from desk.guide.mail import Mailer
from desk.guide.notice_mails import NoticeMailer
from desk.page.pages import ROOT
from desk.people import accounts, links, notices, refusals
from desk.people.accounts import Person
from desk.settings import MailSettings
from ivr.records.database_client import SharedEngine

pytest_plugins = ["db_fixtures"]

KAY, SELMA, MAY = "kay", "1901", "may"
"""An administrator, a supervisor, another administrator."""


@pytest_asyncio.fixture
async def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDesk]:
    site = tmp_path / "site"
    shutil.copytree(ROOT.parent / "sites" / "consulate", site, ignore=shutil.ignore_patterns("*.wav"))
    plain = desk_server.settings_for
    monkeypatch.setattr(
        desk_server, "settings_for", lambda *given: replace(plain(*given), site_folder=site, home=tmp_path)
    )
    controller, _ = changing(site, tmp_path, datetime.now(UTC))
    controller.database = SharedEngine(sqlite_url)
    async with standing_in(controller), serving(sqlite_url, controller.port) as found:
        await found.account(KAY, AccountRole.ADMINISTRATOR)
        await found.account(MAY, AccountRole.ADMINISTRATOR)
        await found.operator(SELMA, supervisor=True)
        yield found
    await controller.database.close()


async def proposed(desk: TestDesk, by: str) -> Amendment:
    """Return an amendment that somebody has proposed."""
    texts = {"guide_visa_fee": {"fr": "x"}}
    amendment = Amendment(uuid7(), "visa", texts, texts, True, None, desk.desk.now(), by, AmendmentState.PROPOSED.value)
    async with writing(desk.engine) as connection:
        await amendments.propose(connection, amendment)
    return amendment


async def decides(desk: TestDesk, browser: Browser, amendment: Amendment) -> bool:
    """Return whether a person can decide about an amendment; to refuse it needs the same rights as to release it."""
    await browser.get("/account")
    answer = await browser.post(f"/amend/proposal/{amendment.id}", {"change": "refuse", "why": "no"})
    state = (await amendments.find(desk.engine, amendment.id)).state
    assert (answer.status, state) in ((200, "refused"), (409, "proposed")), answer.text
    return state == "refused"


async def link_by(desk: TestDesk, administrator: str, account: str) -> str:
    """Return a link that an administrator makes for an account on the desk."""
    browser = await desk.signed_in(administrator)
    await browser.get("/people")
    page = await browser.post(f"/people/{account}/link")
    found = re.search(r"/link/[\w-]+", page.text)
    assert found is not None, page.text
    return found[0]


async def uses(desk: TestDesk, link: str) -> tuple[Browser, Answer]:
    browser = desk.browser()
    answer = await browser.post(link)
    assert answer.status == 303, answer.text
    return browser, answer


async def test_an_administrator_does_not_decide_about_their_own_change_by_a_link_for_a_colleague(
    desk: TestDesk,
) -> None:
    amendment = await proposed(desk, KAY)
    selma, _ = await uses(desk, await link_by(desk, KAY, SELMA))
    assert not await decides(desk, selma, amendment)


async def test_nor_do_they_release_their_own_change_of_the_site_in_the_colleagues_name(desk: TestDesk) -> None:
    edit = {"kind": "row", "file": "operators.csv", "row": "1002", "cells": {"name": "Safae Saffron-Sage"}}
    change = await desk.desk.control.ask("POST", "/site/changes", KAY, {"title": "A try", "edits": [edit]})

    async def refusal() -> str | None:
        with pytest.raises(ControlError) as refused:
            await desk.desk.control.ask("POST", f"/site/changes/{change['id']}/release", MAY, {"name": "May"})
        return refused.value.code

    assert await refusal() == "not_ready", "it is not checked yet; who releases it would do"
    may, _ = await uses(desk, await link_by(desk, KAY, MAY))
    assert await refusal() == "let_in"
    await may.get("/account")
    page = (await may.post(f"/site/changes/{change['id']}/release")).text
    assert "a donné accès" in page, "in the words of the page"
    await uses(desk, await desk.link(MAY))
    assert await refusal() == "not_ready"


async def test_a_third_persons_link_renews_the_access_and_ends_what_the_first_one_has_of_it(desk: TestDesk) -> None:
    """Also the password that was chosen with the first link, and the browsers that are signed in with it."""
    held, _ = await uses(desk, await link_by(desk, KAY, SELMA))
    await held.get("/account")
    assert (await held.post("/account/password", {"password": PASSWORD, "again": PASSWORD})).status == 303
    amendment = await proposed(desk, KAY)
    selma, answer = await uses(desk, await link_by(desk, MAY, SELMA))
    assert answer.leads_to == "/account?first=1", "a password that another may know is forgotten"
    assert (await held.get("/account")).status == 303
    assert (await desk.browser().post("/sign-in", {"account": SELMA, "password": PASSWORD})).status == 422
    assert not await decides(desk, selma, await proposed(desk, MAY))
    assert await decides(desk, selma, amendment)
    (renewed,) = await audit_entries(desk.engine, 10, "account_renewed")
    assert (renewed.by, renewed.data) == (
        MAY,
        {"sessions_ended": 1, "password_forgotten": True, "factor_forgotten": False},
    )


async def test_a_link_of_the_servers_command_line_renews_the_access(desk: TestDesk) -> None:
    await uses(desk, await link_by(desk, KAY, SELMA))
    selma, _ = await uses(desk, await desk.link(SELMA))
    assert await decides(desk, selma, await proposed(desk, KAY))
    assert await decides(desk, selma, await proposed(desk, MAY))


async def test_whoever_was_let_in_by_the_administrator_is_no_third_person(desk: TestDesk) -> None:
    await uses(desk, await link_by(desk, KAY, SELMA))
    may, _ = await uses(desk, await link_by(desk, KAY, MAY))
    await may.get("/people")
    page = await may.post(f"/people/{SELMA}/link")
    found = re.search(r"/link/[\w-]+", page.text)
    assert found is not None
    selma, _ = await uses(desk, found[0])
    assert not await decides(desk, selma, await proposed(desk, KAY))


async def test_ties_begin_and_end_alike_on_both_databases(url: str) -> None:
    """Also: what an administrator has begun in the name of somebody whom they let in ends with the renewal."""
    async with open_engine(url) as engine:
        now = datetime.now(UTC)
        for account in (KAY, MAY, SELMA):
            await accounts.add(engine, Person(account, f"Person {account}", AccountRole.ADMINISTRATOR), now)

        async def let_in(account: str, by: str | None) -> frozenset[str]:
            used = await links.use_link(engine, await links.make_link(engine, account, now, by), now)
            assert used is not None and used.person.id == account
            return await let_in_by(engine, account)

        assert await let_in(MAY, KAY) == {KAY}
        in_mays_name = await links.make_link(engine, SELMA, now, MAY)
        assert await let_in(MAY, None) == set()
        assert await links.use_link(engine, in_mays_name, now) is None
        assert await let_in(SELMA, KAY) == {KAY}
        await accounts.set_password(engine, SELMA, "a hash", "no session", now)
        assert await let_in(SELMA, SELMA) == {KAY}, "one's own link renews nothing"
        assert await let_in(SELMA, MAY) == {MAY}
        selma = await accounts.find(engine, SELMA)
        assert selma is not None and not selma.has_password
        await accounts.set_password(engine, SELMA, "a hash", "no session", now + timedelta(seconds=1))
        assert await let_in(SELMA, MAY) == {MAY}, "the same person again"
        assert await notices.take_unsent(engine, now) == [], "nobody has an address"
        assert len(await notices.latest(engine, SELMA)) == 7


async def test_a_change_that_was_proposed_by_a_link_is_not_decided_about_by_whoever_made_it(desk: TestDesk) -> None:
    await uses(desk, await link_by(desk, KAY, SELMA))
    assert not await decides(desk, await desk.signed_in(KAY), await proposed(desk, SELMA))
    assert await decides(desk, await desk.signed_in(MAY), await proposed(desk, SELMA))


async def test_a_link_that_nobody_has_used_ties_nobody_and_disabling_unties_nobody(desk: TestDesk) -> None:
    await link_by(desk, KAY, SELMA)
    assert await decides(desk, await desk.signed_in(SELMA), await proposed(desk, KAY))
    await uses(desk, await link_by(desk, KAY, SELMA))
    administrator = await desk.signed_in(KAY)
    await administrator.get("/people")
    for act in ("disable", "enable"):
        await administrator.post(f"/site/operators/{SELMA}/{act}")
    assert not await decides(desk, await desk.signed_in(SELMA), await proposed(desk, KAY))


async def test_the_person_is_told_at_the_next_sign_in_until_they_say_that_they_have_read_it(desk: TestDesk) -> None:
    held, _ = await uses(desk, await link_by(desk, KAY, SELMA))
    sentence = "Person kay a créé un lien pour votre compte"
    assert 'form class="told"' not in (await held.get("/roster")).text, "whoever uses the link may be its maker"
    await held.post("/account/told", {"next": "/roster"})
    selma = await desk.signed_in(SELMA)
    assert sentence in (await selma.get("/roster")).text
    assert (await selma.post("/account/told", {"next": "/roster"})).leads_to == "/roster"
    assert sentence not in (await selma.get("/roster")).text
    assert sentence in (await selma.get("/account")).text, "it stays on the account's own page"


async def test_everything_about_an_account_is_in_the_audit(desk: TestDesk) -> None:
    held, _ = await uses(desk, await link_by(desk, KAY, SELMA))
    await held.get("/account")
    await held.post("/account/password", {"password": PASSWORD, "again": PASSWORD})
    await held.get("/account")
    await held.post("/sign-out")
    browser = desk.browser()
    await browser.post("/sign-in", {"account": SELMA, "password": "wrong"})
    await browser.post("/sign-in", {"account": SELMA, "password": PASSWORD})
    await accounts.set_disabled(desk.engine, SELMA, True, desk.desk.now(), by=KAY)
    await accounts.set_disabled(desk.engine, SELMA, False, desk.desk.now(), by=KAY)
    await accounts.follow_operators(desk.engine, {SELMA: False}, desk.desk.now())
    found = [row for row in await audit_entries(desk.engine, 100) if row.about == f"account:{SELMA}"]
    assert [(row.by, row.act) for row in reversed(found)] == [
        (KAY, "account_link"),
        (SELMA, "account_signed_in"),
        (SELMA, "account_password"),
        (SELMA, "account_signed_out"),
        ("-", "account_refused"),
        (SELMA, "account_signed_in"),
        (KAY, "account_disabled"),
        (KAY, "account_enabled"),
        ("hatif", "account_role"),
    ]
    by_act = {row.act: row.data for row in found}
    assert by_act["account_disabled"] == {"sessions_ended": 1}
    assert [row.data for row in found if row.act == "account_signed_in"] == [
        {"way": "password", "source": "127.0.0.1"},
        {"way": "link", "made_by": KAY, "source": "127.0.0.1"},
    ]


async def test_a_stranger_cannot_fill_the_audit(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST", 3)
    for number in range(5):
        await desk.browser().post("/sign-in", {"account": f"{number}\n" + "x" * 98, "password": "wrong"})
    found = await audit_entries(desk.engine, 100, "account_refused")
    assert [row.about for row in found] == [f"account:{number}{'x' * 39}" for number in (2, 1, 0)]
    desk.moved = refusals.WITHIN
    await desk.browser().post("/sign-in", {"account": "nobody", "password": "wrong"})
    assert [row.data for row in await audit_entries(desk.engine, 100, "account_refused_more")] == [{"times": 2}]


async def test_the_person_is_told_by_e_mail_where_their_account_has_an_address(desk: TestDesk) -> None:
    """Once, in their language, and also what others have done than the administrators' pages."""
    async with receiving() as server:
        settings = MailSettings("127.0.0.1", "desk@example.org", server.port, "none")
        mailer = NoticeMailer(
            desk.desk.settings, desk.engine, Mailer(settings), desk.desk.pages, lambda: desk.desk.now()
        )
        await accounts.set_email(desk.engine, SELMA, "selma@example.org", desk.desk.now())
        await accounts.set_language(desk.engine, SELMA, "en")
        await link_by(desk, KAY, SELMA)
        await link_by(desk, MAY, KAY)
        await mailer.look()
        await mailer.look()
        assert server.recipients == ["selma@example.org"], "Kay has no address"
        text = server.letters[0].get_content()
        assert "Person kay made a link for your account" in text and "/link/" not in text
        await uses(desk, await desk.link(SELMA))
        server.refuses["data"] = "450 Not now"
        await mailer.look()
        del server.refuses["data"]
        async with writing(desk.engine) as connection:
            await notices.tell(connection, SELMA, AccountChange.PASSWORD, desk.desk.now(), SELMA)
        await mailer.look()
        assert "A password was chosen" in server.letters[1].get_content()
