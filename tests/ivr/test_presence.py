"""Presence of telephones, whichever comes first: Asterisk's list or its events."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from db.journal import Journal
from ivr.asterisk.ami import AmiRefusedError, Fields
from ivr.telephones.presence import Presence
from ivr.telephones.registrations import Proof
from ivr.telephones.replacements import Replacements

HERE, SILENT, GONE = "NonQualified", "Unreachable", "Removed"


class Registrar:
    """Stands for Asterisk: its list as it was when it was asked, and events that arrive before the list is complete."""

    def __init__(self) -> None:
        self.contacts: dict[str, str] = {}
        self.expires: dict[str, int] = {}
        self.events: list[tuple[str, str, str]] = []
        self.asked: list[tuple[str, str]] = []
        self.connected = True
        self._callback: Callable[[Fields], None] | None = None

    def on(self, name: str, callback: Callable[[Fields], None]) -> None:
        if name == "ContactStatus":
            self._callback = callback
        else:
            self.proves = callback

    async def action(self, name: str, **fields: str) -> Fields:
        self.asked.append((name, fields["Endpoint"]))
        return {}

    def say(self, operator: str, uri: str, status: str) -> None:
        assert self._callback is not None
        self._callback({"EndpointName": operator, "URI": uri, "ContactStatus": status})

    async def listing(self, _: str) -> list[Fields]:
        found = [
            {"Endpoint": operator, "Uri": uri, "Status": HERE, "ExpirationTime": str(self.expires.get(uri, 0))}
            for uri, operator in self.contacts.items()
        ]
        for event in self.events:
            self.say(*event)
        if not found:
            raise AmiRefusedError("Asterisk refused PJSIPShowContacts: No Contacts found", "No Contacts found")
        return found


@pytest.fixture
def registrar() -> Registrar:
    return Registrar()


def watched(registrar: Registrar) -> tuple[Presence, list[tuple[str, bool]]]:
    changes: list[tuple[str, bool]] = []
    changed = cast(Callable[[str, bool], None], lambda *change: changes.append(change))
    return Presence(cast(Any, registrar), ["1001", "1002"], changed), changes


@pytest.mark.parametrize("others", [{}, {"sip:b": "1002"}])
async def test_a_telephone_that_appears_while_the_list_is_read_is_present(
    registrar: Registrar, others: dict[str, str]
) -> None:
    presence, changes = watched(registrar)
    registrar.contacts = others
    await presence.refresh()
    changes.clear()
    registrar.events = [("1001", "sip:a", HERE)]
    await presence.refresh()
    assert set(presence.present or ()) == {"1001", *others.values()}
    assert {there for operator, there in changes if operator == "1001"} == {True}


async def test_a_telephone_that_disappears_while_the_list_is_read_is_absent(registrar: Registrar) -> None:
    presence, changes = watched(registrar)
    registrar.contacts = {"sip:a": "1001", "sip:b": "1002"}
    await presence.refresh()
    changes.clear()
    registrar.events = [("1001", "sip:a", GONE)]
    await presence.refresh()
    assert presence.present == ["1002"]
    assert changes == [("1001", False)]


async def test_events_before_the_first_list_is_complete_count(registrar: Registrar) -> None:
    presence, changes = watched(registrar)
    registrar.events = [("1001", "sip:a", HERE), ("1002", "sip:b", HERE), ("1002", "sip:b", GONE)]
    assert presence.present is None
    await presence.refresh()
    assert presence.present == ["1001"]
    assert changes == [("1001", True)]


async def test_the_next_list_makes_up_for_a_lost_event(registrar: Registrar) -> None:
    presence, changes = watched(registrar)
    registrar.contacts = {"sip:a": "1001"}
    await presence.refresh()
    registrar.contacts = {"sip:b": "1002"}
    await presence.refresh()
    assert changes == [("1001", True), ("1001", False), ("1002", True)]


async def test_a_refreshed_registration_shows_that_the_telephone_is_present(
    registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.telephones.presence._SETTLES_S", 0.01)
    changes, proofs = list[tuple[str, bool]](), list[Proof]()
    changed = cast(Callable[[str, bool], None], lambda *change: changes.append(change))
    presence = Presence(cast(Any, registrar), ["1001", "1002"], changed, proof=proofs.append)
    registrar.contacts = {"sip:a": "1001"}
    await presence.refresh()
    changes.clear()
    task = asyncio.create_task(presence.run())
    before = presence.proved("1001")
    for service, account in (("PJSIP", "1001"), ("PJSIP", "1002"), ("PJSIP", "9999"), ("AMI", "hatif")):
        registrar.proves({"Service": service, "AccountID": account, "SessionID": "id", "RemoteAddress": "from"})
    async with asyncio.timeout(2):
        while not (changes and registrar.asked):  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.01)
    task.cancel()
    assert presence.proved("1001") > before == 0.0
    # The other telephone has no contact that answers: Asterisk is told to ask it.
    assert (changes, registrar.asked) == ([("1001", True)], [("PJSIPQualify", "1002")])
    assert proofs == [Proof("1001", "id", "from", presence.proved("1001")), Proof("1002", "id", "from", proofs[1].at)]


async def test_lists_are_compared_also_while_signs_of_life_never_stop(
    registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred telephones register every few seconds."""
    monkeypatch.setattr("ivr.telephones.presence._SETTLES_S", 0.001)
    monkeypatch.setattr("ivr.telephones.presence._COMPARE_EVERY_S", 0.02)
    presence, changes = watched(registrar)
    registrar.contacts = {"sip:a": "1001"}
    await presence.refresh()
    registrar.contacts = {"sip:a": "1001", "sip:b": "1002"}  # its event is lost
    proof = {"Service": "PJSIP", "AccountID": "1001", "SessionID": "id", "RemoteAddress": "from"}
    async with asyncio.timeout(2):
        task = asyncio.create_task(presence.run())
        while ("1002", True) not in changes:
            registrar.proves(proof)
            await asyncio.sleep(0.002)
    task.cancel()


async def test_the_newest_of_several_telephones_that_answers_is_kept_once_there_is_no_call(
    registrar: Registrar, tmp_path: Path
) -> None:
    engaged, removed = {"1001": True}, list[str]()
    replaced = Replacements(
        Journal(tmp_path, "n1"), lambda operator: engaged[operator], lambda _, contact: removed.append(contact)
    )
    presence = Presence(cast(Any, registrar), ["1001"], lambda *_: None, replaced)
    registrar.contacts = {"sip:b": "1001", "sip:a": "1001"}
    registrar.expires = {"sip:a": 1, "sip:b": 2}
    await presence.refresh()
    for uri, status in (("sip:c", HERE), ("sip:a", SILENT), ("sip:a", HERE), ("sip:d", HERE), ("sip:d", SILENT)):
        registrar.say("1001", uri, status)
    # The first has the call, in any order of the list, even after it was silent for a while.
    registrar.contacts = dict.fromkeys(("sip:d", "sip:c", "sip:b", "sip:a"), "1001")
    registrar.expires = {}
    await presence.refresh()
    assert (presence.contact("1001"), removed) == ("sip:a", [])
    registrar.say("1001", "sip:d", SILENT)
    engaged["1001"] = False
    presence.settle("1001")
    assert removed == ["sip:a", "sip:b", "sip:d"]
    for uri in removed[:]:
        registrar.say("1001", uri, GONE)
    assert (presence.present, presence.contact("1001")) == (["1001"], "sip:c")
    last = replaced.last("1001")
    assert last is not None and last.now == "c"


async def test_a_telephone_that_restarts_with_another_user_name_replaces_no_other(
    registrar: Registrar, tmp_path: Path
) -> None:
    replaced = Replacements(Journal(tmp_path / "journal", "node1"), lambda _: False, lambda *_: None)
    presence = Presence(cast(Any, registrar), ["1001"], lambda *_: None, replaced)
    registrar.contacts = {"sip:1001-0x1@127.0.0.3:5060": "1001"}
    await presence.refresh()
    for uri, before in (
        ("sip:1001-0x2@127.0.0.3:5060", "sip:1001-0x1@127.0.0.3:5060"),
        ("sip:1001-0x3@127.0.0.3:5060", "sip:1001-0x2@127.0.0.3:5060"),
    ):
        registrar.say("1001", uri, HERE)
        registrar.say("1001", before, GONE)
        assert replaced.last("1001") is None
    registrar.say("1001", "sip:1001@127.0.0.4:5060", HERE)
    registrar.say("1001", "sip:1001-0x3@127.0.0.3:5060", GONE)
    assert (found := replaced.last("1001")) is not None
    assert (found.before, found.now, found.both_alive) == ("127.0.0.3:5060", "127.0.0.4:5060", False)


async def test_the_browser_is_rung_while_it_is_there_and_the_own_telephone_otherwise(registrar: Registrar) -> None:
    presence, changes = watched(registrar)
    registrar.contacts = {"sip:own": "1001"}
    await presence.refresh()
    assert (presence.in_use("1001"), presence.contact("1001")) == ("1001", "sip:own")
    registrar.say("1001-web", "sip:page;transport=ws", HERE)
    assert (presence.in_use("1001"), presence.contact("1001")) == ("1001-web", "sip:page;transport=ws")
    assert (presence.present, changes) == (["1001"], [("1001", True), ("1001", True)])
    changes.clear()
    registrar.say("1001-web", "sip:page;transport=ws", GONE)
    assert (presence.in_use("1001"), presence.present) == ("1001", ["1001"])
    assert changes == [("1001", False), ("1001", True)]  # what the browser's telephone was doing is over


async def test_an_operator_with_only_a_browser_is_present_until_it_is_gone(registrar: Registrar) -> None:
    presence, changes = watched(registrar)
    registrar.contacts = {"sip:page": "1001-web"}
    await presence.refresh()
    assert (presence.present, presence.in_use("1001"), presence.in_use("1002")) == (["1001"], "1001-web", "1002")
    registrar.contacts = {"sip:other": "1002"}
    await presence.refresh()
    assert changes == [("1001", True), ("1001", False), ("1002", True)]


@pytest.mark.parametrize("engaged", [False, True])
async def test_a_page_that_is_loaded_again_is_no_second_telephone(
    registrar: Registrar, tmp_path: Path, engaged: bool
) -> None:
    """Nor is one that has registered again from another address, in a call, before its former connection has ended."""
    journal, removed = Journal(tmp_path / "journal", "test"), list[tuple[str, str]]()
    replacements = Replacements(journal, lambda _: engaged, lambda *contact: removed.append(contact))
    presence = Presence(cast(Any, registrar), ["1001"], lambda *_: None, replacements)
    registrar.contacts = {"sip:own": "1001", "sip:page1": "1001-web"}
    await presence.refresh()
    assert removed == []  # one of each kind may stay
    registrar.say("1001-web", "sip:page2", HERE)
    assert removed == [("1001-web", "sip:page1")]
    registrar.say("1001-web", "sip:page1", GONE)
    assert replacements.last("1001") is None
    journal.close()


TLS, PLAIN = "sip:a@203.0.113.7:40000;transport=TLS", "sip:a@203.0.113.7:40000"


@pytest.mark.parametrize("how", ["listed", "reported"])
async def test_a_telephone_outside_without_tls_is_not_present_and_is_removed(registrar: Registrar, how: str) -> None:
    changes: list[tuple[str, bool]] = []
    refused: list[tuple[str, str]] = []
    presence = Presence(
        cast(Any, registrar),
        ["1001", "1002"],
        cast(Callable[[str, bool], None], lambda *change: changes.append(change)),
        encrypted=lambda operator: operator == "1001",
        refuse=lambda *contact: refused.append(contact),
    )
    registrar.contacts = {"sip:b": "1002", **({PLAIN: "1001"} if how == "listed" else {})}
    await presence.refresh()
    if how == "reported":
        registrar.say("1001", PLAIN, HERE)
    assert refused == [("1001", PLAIN)] and set(presence.present or ()) == {"1002"}
    registrar.say("1001", PLAIN, GONE)
    registrar.say("1001", TLS, HERE)
    assert presence.contact("1001") == TLS and len(refused) == 1
    assert [there for operator, there in changes if operator == "1001"] == [True]
