"""What the rules are told of a site and of one of its wishes."""

from datetime import datetime
from typing import TYPE_CHECKING

from db.callback_requests import CallbackRequest, DialCounts
from db.enums import CallbackKind
from ivr.site.callback_rules import Facts, Limits
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.call.call import Opening


def due_of(wish: CallbackRequest) -> datetime | None:
    """When it is due. About a file: once its state has changed since he wished it; None: it has not."""
    if wish.kind != CallbackKind.CASE or wish.tries:
        return wish.due
    return wish.file_changed if wish.file_changed is not None and wish.file_changed > wish.wished else None


def first_due_of(wish: CallbackRequest) -> datetime | None:
    """When it was due before it was put off; None: it has not been due, and waits."""
    return wish.first_due or due_of(wish)


def who_is_at(wish: CallbackRequest, here: str) -> str:
    """A wish that is at work, so that a person finds it: its id and the node, which is `here` where none has claimed it
    yet."""
    return f"{wish.id}, by the node {wish.claim.node if wish.claim is not None else here}"


def line_of(site: Site, wish: CallbackRequest) -> str:
    """The number that the called is shown: that of his country, else the first one."""
    return next((each.number for each in site.number if each.country == wish.country), site.number[0].number)


def language_of(site: Site, wish: CallbackRequest) -> str:
    """What the called hears: his own language where the site has it, else the likeliest of his country."""
    return wish.language if wish.language in site.languages else site.language_order(wish.country)[0]


def facts_of(site: Site, opening: "Opening", wish: CallbackRequest, dialled: DialCounts, now: datetime) -> Facts:
    chosen = site.callbacks
    return Facts(
        now=now,
        trunk=chosen.trunk is not None,
        open=opening.answer(now, language=wish.language).open,
        windows=chosen.windows,
        limits=Limits(chosen.most_a_number, chosen.most_a_day),
        countries=site.countries,
        own=tuple(each.number for each in site.number),
        dialled_number=dialled.of(wish.number),
        dialled=dialled.total,
    )
