"""How conversations end, as the site counts it: `[wrap_up]` of `site.toml`."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.site.sections import Criterion, PageLanguage, Words


class WrapUp(BaseModel):
    """The endings of which an operator chooses one at the desk, with names for its pages. None: nobody is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endings: dict[Criterion, dict[PageLanguage, Words]] = Field({}, max_length=12)
    required: bool = False  # *Save and ready* asks for one; a wrap-up that is over ends without

    @model_validator(mode="after")
    def _has_what_it_requires(self) -> "WrapUp":
        if self.required and not self.endings:
            raise ValueError("required needs endings; write some in [wrap_up.endings]")
        return self
