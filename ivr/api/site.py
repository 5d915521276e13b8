"""The control API's view of the site: the words that its other answers and requests use."""

from pydantic import BaseModel, Field

from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.site.findings import SiteError
from ivr.site.flat import flatten
from ivr.talk.grants import topics_of
from prompts.manifest import ManifestError

router = make_router("site")


class SiteNumber(BaseModel):
    """A number that callers can dial."""

    number: str
    country: str | None = Field(description="ISO 3166; null where several countries share the number.")


class Site(BaseModel):
    """The site's configuration."""

    name: str
    node: str = Field(description="The id of this node, as in every record.")
    timezone: str = Field(description="Of the opening hours, such as Africa/Casablanca.")
    languages: list[str] = Field(description="In the order of the site.")
    topics: list[str] = Field(description="In the order of the flow.")
    pauses: list[str] = Field(description="The reasons of a pause that an operator can give.")
    numbers: list[SiteNumber]
    endings: dict[str, dict[str, str]] = Field(
        description="How a conversation can end, of which its operator says one: the names of each by language."
    )
    ending_required: bool = Field(description="Whether they are asked for one before they are ready.")
    scoring: dict[str, dict[str, str]] = Field(
        description="What recorded conversations are scored for: the names of each criterion by language."
    )


class SiteValues(BaseModel):
    """The values of `site.toml` and `operators.csv` with which the controller runs."""

    values: dict[str, str] = Field(description="JSON by path, such as `limits.calls_by_number`; no secret.")


@router.get("/site/values")
async def values(controller: ControllerDep) -> SiteValues:
    """Return the site's values as they run, which may differ from its files."""
    return SiteValues(values=flatten(controller.site, controller.listed))


@router.post("/site/reload", responses=documented(422))
async def reload(controller: ControllerDep, actor: Actor) -> SiteValues:
    """Take saved operators, numbers, countries and opening hours into use. Nothing is restarted, and calls go on.

    `hatif reload` does it once Asterisk knows the telephones of new operators. 422 with every mistake if there is one.
    """
    try:
        await controller.take_files()
        await controller.take_site()
    except (SiteError, ManifestError) as error:
        raise ApiError(422, str(error)) from None
    audit(controller, actor, "site_reloaded", "site")
    return await values(controller)


@router.get("/site")
async def site(controller: ControllerDep) -> Site:
    """Return what the site is set up with: languages, topics, reasons of a pause, numbers."""
    found = controller.site
    return Site(
        name=found.name,
        node=found.node,
        timezone=found.hours.timezone,
        languages=list(found.languages),
        topics=list(topics_of(controller.flows.current.flow)),
        pauses=list(found.operators.pauses),
        endings=found.wrap_up.endings,
        ending_required=found.wrap_up.required,
        scoring=found.scoring.criteria,
        numbers=[SiteNumber(number=row.number, country=row.country) for row in found.number],
    )
