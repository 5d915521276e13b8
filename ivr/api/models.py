"""What the bodies of the control API's requests have in common."""

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """The body of a request. A member that is not known is an error, so that no misspelt one is ignored."""

    model_config = ConfigDict(extra="forbid")
