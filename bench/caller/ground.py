"""The ground of measured calls, from a site and a folder of its built audio."""

from pathlib import Path

from ivr.trial.ground import Ground, GroundError, make_ground
from prompts import manifest


def load_ground(folder: Path, sounds: Path, spoken: tuple[str, ...] | None = None) -> Ground:
    """Return the ground of the site in `folder`. Raises GroundError, SiteError, ManifestError, CatalogueError.

    `spoken`: the languages of the operators on duty; None: all of the site.
    """
    if not (sounds / manifest.FILE).exists():
        raise GroundError(f"{sounds} has no audio; run `hatif prompts build`.")
    return make_ground(folder, manifest.load(sounds / manifest.FILE), spoken)
