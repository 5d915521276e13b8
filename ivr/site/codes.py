"""The section `[codes]` of `site.toml`: the operators' feature codes. "" disables a code."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from ivr.site.wording import written_as

Digits = Annotated[str, written_as("([*#0-9]{1,6})?", 'write up to 6 keys, such as *10, or "" for none')]


class Codes(BaseModel):
    """The digits of each feature code (see `ivr.codes.table`); `hatif check` finds ambiguous ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ready: Digits = "*10"
    pause: Digits = "*11"
    wrap_up_end: Digits = "*12"
    wrap_up_more: Digits = "*13"
    who_am_i: Digits = "*14"
    last_file: Digits = "*15"
    call_back: Digits = "*16"
    help: Digits = "*17"
    listen: Digits = "*21"
    whisper: Digits = "*22"
    join: Digits = "*23"
    hold: Digits = "*30"
    transfer: Digits = "*31"
    consult: Digits = "*32"
    interpreter: Digits = "*33"
    recording: Digits = "*34"

    @property
    def digits(self) -> Mapping[str, str]:
        """Name to digits of the enabled codes."""
        named: dict[str, str] = self.model_dump()
        return {name: digits for name, digits in named.items() if digits}
