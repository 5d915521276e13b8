"""What all nodes share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NodeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,23}$")]
TextId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Topic = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Key = Annotated[str, Field(pattern=r"^[0-9]$")]

REPEAT, BACK, OPERATOR, CHANGE_LANGUAGE = "#", "*", "0", "9"
MISTAKES = 2
"""How often silence or a wrong key is met with help before an operator is called."""


class Node(BaseModel):
    """A node of the flow. `run` does it for a call and gives the name of the next one, None to hang up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def leads_to(self) -> tuple[str, ...]:
        """All nodes that may follow, for the check."""
        raise NotImplementedError

    def texts(self) -> tuple[str, ...]:
        """The ids of all texts that the node may say, for the check."""
        return ()

    def silent(self) -> str | None:
        """Where a caller comes who never presses a key; None: to the flow's operator."""
        return None
