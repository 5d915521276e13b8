"""The versions of the flow: the one for new calls, and those that calls in progress began with."""

import time
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from ivr.flow import model
from ivr.flow.model import Flow
from ivr.site import SiteError

log = structlog.get_logger()

_KEPT_S = 24 * 3600
"""No call lasts a day; a version that nobody has begun with for so long may go."""


class Flows:
    """`known_texts()` gives the ids that have audio, so that a flow that would be silent is refused."""

    def __init__(
        self, path: Path, folder: Path, languages: Collection[str], known_texts: Callable[[], Collection[str]]
    ) -> None:
        self._path, self._folder, self._languages, self._known_texts = path, folder, languages, known_texts
        self._seen = self._stamp()
        self._versions: dict[str, Flow] = {}
        self._current = self._load()

    def current(self) -> Flow:
        """The flow for a new call: that of the file, as soon as it is saved and in order, else the last good one."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._current = self._load()
                log.info("The flow has changed; new calls use it", version=self._current.version)
            except SiteError as error:
                log.error("The flow was changed but is not in order; the former one stays", error=str(error))
        return self._current

    def version(self, name: str) -> Flow | None:
        """The flow that a call began with; None if it is not there any more."""
        if name not in self._versions and name.isalnum():
            path = self._folder / f"{name}.yaml"
            try:
                self._keep(model.parse(path.read_text(encoding="utf-8"), str(path), self._languages))
            except (OSError, UnicodeDecodeError, SiteError) as error:
                log.error("The flow that a call began with is gone", version=name, error=str(error))
        return self._versions.get(name)

    def _stamp(self) -> tuple[int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return 0, 0
        return stat.st_mtime_ns, stat.st_size

    def _load(self) -> Flow:
        flow = model.parse(model.read(self._path), str(self._path), self._languages, self._known_texts())
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = self._folder / f"{flow.version}.yaml"
        draft = kept.with_suffix(".new")
        draft.write_text(flow.text, encoding="utf-8")
        draft.replace(kept)
        self._keep(flow)
        for old in self._folder.glob("*.yaml"):
            if old != kept and time.time() - old.stat().st_mtime > _KEPT_S:
                old.unlink(missing_ok=True)
        return flow

    def _keep(self, flow: Flow) -> None:
        self._versions[flow.version] = flow
