"""The common parts of all nodes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from ivr.site.wording import plain_word, written_as

NodeName = Annotated[str, written_as("[a-z][a-z0-9_]{0,23}", plain_word(24))]
TextId = Annotated[str, written_as("[a-z][a-z0-9_]{0,39}", plain_word(40))]
WordsId = Annotated[str, written_as("words_[a-z0-9_]{1,39}", "write words_ and a name, such as words_file")]
"""The id of a text that callers may say."""
Topic = Annotated[str, written_as("[a-z][a-z0-9_]{0,30}", plain_word(31))]
Key = Annotated[str, written_as("[0-9]", "write one key, 0 to 9")]

REPEAT, BACK, OPERATOR, CHANGE_LANGUAGE = "#", "*", "0", "9"
MISTAKES = 1
"""How many times silence or a wrong key is answered with help before an operator takes over."""
TRIES = 3
"""How many times digits may be entered wrongly before an operator takes over."""


class Node(BaseModel):
    """A node of the flow. `run` executes it for a call and returns the name of the next one, or None to hang up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def leads_to(self) -> tuple[str, ...]:
        """Return all nodes that may follow, for the check."""
        raise NotImplementedError

    def texts(self) -> tuple[str, ...]:
        """Return the ids of all texts the node may say, for the check."""
        return ()

    def words(self) -> tuple[str, ...]:
        """Return the ids of all texts that callers may say here, for the check."""
        return ()

    def topics(self) -> tuple[str, ...]:
        """Return the topics that the node may give to a call."""
        topic = getattr(self, "topic", None)
        return (topic,) if topic is not None else ()

    def option_to(self, node: str, topic: str | None) -> str | None:
        """Return the id of the text of the option that leads to `node`, for a call of this topic; None: no option."""
        return None

    def answers(self) -> bool:
        """Return whether the line must be answered here; otherwise the caller can hear it as early media."""
        return True

    def greets(self) -> bool:
        """Return whether the node plays the administrator's announcement itself, after saying who answers."""
        return False

    def silent(self) -> str | None:
        """Return where a caller goes who never presses a key; None: to the flow's operator."""
        return None

    def is_menu(self) -> bool:
        """Return whether the time at the node counts as time in the menus, which has a limit."""
        return True


class LinearNode(Node):
    """A node with one way on, which callers who never press a key go as well."""

    next: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.next,)

    def silent(self) -> str | None:
        return self.next
