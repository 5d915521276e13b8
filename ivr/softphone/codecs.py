"""The codecs of a test telephone, and their names in the SIP stack."""

from typing import Literal

Codec = Literal["alaw", "ulaw", "g722"]

CODECS: dict[Codec | None, tuple[str, ...]] = {
    None: ("pcmu", "pcma"),
    "ulaw": ("pcmu",),
    "alaw": ("pcma",),
    "g722": ("g722/16000/1",),
}
