"""What ends whatever a call is doing."""

from ivr.model import floor_protocol


class CallerGone(Exception):  # noqa: N818 - a hang-up is how most calls end
    """The caller's channel is gone; nothing can be done for them any more."""


class OperatorFree(Exception):  # noqa: N818 - what the caller is waiting for
    """An operator is there for a caller who does something else while they wait (`Call.interruptible`)."""

    def __init__(self, offer: floor_protocol.Offer) -> None:
        super().__init__(offer)
        self.offer = offer


class CallFailed(Exception):  # noqa: N818 - said as one says it of a call
    """Asterisk refused something that the call cannot do without."""


class NothingAudible(Exception):  # noqa: N818 - said as one says it of audio
    """A question cannot be asked, since there is no audio of it in any language, nor of anything else."""
