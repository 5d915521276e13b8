"""`[speech]` of `site.toml`: what callers say, heard by recognisers. Without it, nothing of it runs."""

from pydantic import BaseModel, ConfigDict, Field


class Speech(BaseModel):
    """Settings of recognition."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: bool = False  # voice messages get a text
    menus: bool = False  # callers may say an option instead of pressing its key
    packaged: bool = False  # languages without a model of Vosk's are heard by the packaged recogniser, after the end
    workers: int = Field(2, ge=1, le=16)  # processes that hear callers; others have keys only
