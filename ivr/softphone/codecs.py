"""What a telephone of the tests can be told to know of codecs, and how the SIP stack calls them."""

from typing import Literal

Codec = Literal["alaw", "ulaw", "g722"]

CODECS: dict[Codec | None, tuple[str, ...]] = {
    None: ("pcmu", "pcma"),
    "ulaw": ("pcmu",),
    "alaw": ("pcma",),
    "g722": ("g722/16000/1",),
}
