"""The set-up for a trial of a site: its flow and audio as on disk, and callers from each of its countries."""

from pathlib import Path

import phonenumbers

from ivr.flow import model
from ivr.flow.nodes.language import Language
from ivr.flow.versions import Version
from ivr.model.e164 import country_of
from ivr.site import consulates
from ivr.site import guide as guides
from ivr.site.site import Site
from ivr.trial.sounds import imagine_manifest
from ivr.trial.trial import Stage
from prompts.catalogue import Catalogues
from prompts.manifest import Manifest


def load_stage(folder: Path, made: Manifest | None, site: Site, texts: Catalogues) -> Stage:
    """Return the stage of the site in `folder`, with the audio that was made and assumed audio for all other texts.

    Raises SiteError.
    """
    imagined = imagine_manifest(site.languages, texts, made)
    countries = tuple(site.countries)
    guide = guides.parse(guides.read(folder / guides.FOLDER), folder / guides.FOLDER, countries)
    path = folder / "flow.yaml"
    flow = model.parse(model.read(path), str(path), site.languages, texts.ids, guide)
    return Stage(site, Version("trial", flow, guide, imagined, consulates=consulates.load(folder, countries)))


def likely_line(site: Site, caller: str) -> str:
    """Return the number of the caller's country, else one that several countries share, else the first."""
    country = country_of(caller)
    own = [entry for entry in site.number if entry.country == country and country is not None]
    shared = [entry for entry in site.number if entry.country is None]
    return (own or shared or site.number)[0].number


def home_number(site: Site, language: str) -> str | None:
    """Return a sample mobile number of the first country whose likeliest language it is; None if there is no such one.

    The country that has the language's own code comes first.
    """
    homes = [country for country in site.countries if site.language_order(country)[0] == language]
    homes.sort(key=lambda country: country.lower() != language)
    for country in homes:
        number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
        if number is not None:
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return None


def language_keys(stage: Stage) -> dict[str, str]:
    """Return the languages that callers choose by a key, by key; empty if no node offers any."""
    menus = (node for node in stage.version.flow.nodes.values() if isinstance(node, Language))
    return dict(next((menu.options for menu in menus), {}))
