"""Exceptions that end whatever a call is doing."""

from ivr.model import floor_protocol


class CallerGone(Exception):  # noqa: N818 - a hang-up is how most calls end
    """The caller's channel is gone; nothing more can be done for them."""


class OperatorFree(Exception):  # noqa: N818 - good news
    """An operator is free for a caller who does something else while waiting (`Call.interruptible`)."""

    def __init__(self, offer: floor_protocol.Offer) -> None:
        super().__init__(offer)
        self.offer = offer


class CallFailed(Exception):  # noqa: N818 - the usual term for it
    """Asterisk or the floor refused something the call cannot do without."""


class MenusOver(Exception):  # noqa: N818 - like the others
    """The caller has been in the menus for longer than the site allows."""


class NothingAudible(Exception):  # noqa: N818 - like the others
    """A question cannot be asked because there is no audio at all, in any language."""
