"""`ask`: the caller enters digits, such as the number of a consular card; they are kept with the call."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from ivr.call.call import Call
from ivr.call.choice import HELP_DIGITS, help_digits
from ivr.call.node import BACK, MISTAKES, TRIES, Node, NodeName, TextId, Topic


class Ask(Node):
    kind: Literal["ask"]
    text: TextId
    name: Topic  # what the digits are, in the records
    least: int = Field(1, ge=1, le=20)
    most: int = Field(20, ge=1, le=20)
    next: NodeName
    back: NodeName

    @field_validator("most")
    @classmethod
    def _enough(cls, most: int, info: ValidationInfo) -> int:
        least = info.data.get("least", 1)
        if most < least:
            raise ValueError(f"most is {most} and least is {least}, so no number is valid; write {least} or more")
        return most

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, self.back)

    def texts(self) -> tuple[str, ...]:
        return (self.text, *HELP_DIGITS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        """Ask for the digits. 0 and 9 are digits here, star goes back, and an entry that is too short is repeated."""
        question = [(call.state.language, self.text)]
        clips, silences = question, 0
        for _ in range(TRIES):
            digits = await call.digits(*clips, most=self.most)
            if digits == BACK:
                return self.back
            if digits is not None and len(digits) >= self.least:
                call.event("asked", name=self.name, digits=digits)
                return self.next
            silences += digits is None
            if silences > MISTAKES:
                break
            clips = [(call.state.language, help_digits(digits)), *question]
        call.event("help_over")
        return call.flow.operator
