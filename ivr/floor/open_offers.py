"""The floor's offers that are not over."""

from dataclasses import replace

from routing.match import Waiting


class OpenOffers:
    """Offers by id: the call that each belongs to, and the position that its caller gets back if nobody takes it."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._positions: dict[str, Waiting] = {}

    def open(self, offer: str, call: str, position: Waiting | None = None) -> None:
        self._calls[offer] = call
        if position is not None:
            self._positions[offer] = position

    def close(self, offer: str) -> Waiting | None:
        """Forget an offer and return its caller's position, if there is one to return to."""
        self._calls.pop(offer, None)
        return self._positions.pop(offer, None)

    def call_of(self, offer: str) -> str | None:
        """Return the call of an offer; None if it is over."""
        return self._calls.get(offer)

    def update_position(self, position: Waiting) -> bool:
        """Change the position of a caller who is being offered. Return False if they are not."""
        offer = next((offer for offer, call in self._calls.items() if call == position.call), None)
        if offer is not None:
            self._positions[offer] = position
        return offer is not None

    def accept(self, offer: str) -> None:
        """Forget the position of a caller whose offer was taken."""
        self._positions.pop(offer, None)

    def leave(self, call: str) -> None:
        """Forget the position of a caller who does not wait any more."""
        for offer, offered in self._calls.items():
            if offered == call:
                self._positions.pop(offer, None)

    def move(self, by: float) -> None:
        """Move all instants by so many seconds."""
        for offer, position in self._positions.items():
            self._positions[offer] = replace(position, since=position.since + by)
