"""The routers of the control API."""

from fastapi import APIRouter

PREFIX = "/v1"


def make_router(tag: str, prefix: str = "") -> APIRouter:
    """Return a router whose operations have a tag. `prefix`: of their paths, after that of the version."""
    return APIRouter(prefix=f"{PREFIX}{prefix}", tags=[tag])
