"""The control API's part about the flow."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, documented
from ivr.site.site import SiteError
from prompts.manifest import ManifestError

router = APIRouter(prefix="/flow", tags=["flow"])


class Reloaded(BaseModel):
    """The version of the flow that new calls go by."""

    version: str
    former: str = Field(description="The version before; the same if nothing had changed.")


@router.post("/reload", responses=documented(422))
async def reload(controller: ControllerDep, actor: Actor) -> Reloaded:
    """Take the saved flow, guide, texts and audio into use for new calls. 422 with every mistake if there is one."""
    former = controller.flows.current.name
    try:
        version = await controller.flows.reload()
    except (SiteError, ManifestError) as error:
        raise ApiError(422, str(error)) from None
    controller.shifts.again()
    audit(controller, actor, "flow_reloaded", f"flow:{version.name}")
    return Reloaded(version=version.name, former=former)
