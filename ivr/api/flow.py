"""The control API's part about the flow."""

import asyncio
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.flow.draw.draw import draw_flow
from ivr.site.site import SiteError
from prompts.manifest import ManifestError

router = make_router("flow", "/flow")


class Reloaded(BaseModel):
    """The version of the flow that new calls go by."""

    version: str
    former: str = Field(description="The version before; the same if nothing had changed.")


class FlowPicture(BaseModel):
    """The flow as a picture: a node's group has the id `node-NAME`, the end of a row `data-to`, a line `data-ways`."""

    version: str = Field(description="The version that is drawn: that of new calls.")
    language: str
    start: str = Field(description="The node at which calls begin.")
    nodes: dict[str, str] = Field(description="The kind of each node, by name, in the order of the flow.")
    svg: str


@router.get("/picture", responses=documented(404))
async def picture(
    controller: ControllerDep,
    language: Annotated[str, Query(max_length=10, description="Of the texts.")],
) -> FlowPicture:
    """Return the flow's nodes, their texts and where the keys lead, as SVG. It takes some 50 ms: keep the answer."""
    if language not in controller.site.languages:
        raise ApiError(404, f"The site does not speak {language!r}.")
    version = controller.flows.current
    prompts = version.sounds.prompts

    def find_text(code: str, text: str) -> str:
        clip = prompts.get(code, {}).get(text)
        return clip.text if clip is not None else text

    title = f"{controller.site.name} ({language})"
    svg = await asyncio.to_thread(draw_flow, version.flow, language, find_text, title)
    kinds = {name: node.kind for name, node in version.flow.nodes.items()}
    return FlowPicture(version=version.name, language=language, start=version.flow.start, nodes=kinds, svg=svg)


@router.post("/reload", responses=documented(422))
async def reload(controller: ControllerDep, actor: Actor) -> Reloaded:
    """Take the saved flow, guide, texts, audio and opening hours into use for new calls.

    422 with every mistake if there is one.
    """
    former = controller.flows.current.name
    try:
        version = await controller.take_files()
    except (SiteError, ManifestError) as error:
        raise ApiError(422, str(error)) from None
    audit(controller, actor, "flow_reloaded", f"flow:{version.name}")
    return Reloaded(version=version.name, former=former)
