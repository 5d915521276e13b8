"""Templates of text files that are not HTML, such as Asterisk's configuration."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(folder: str = "templates") -> Environment:
    """Return an environment for the templates in a folder of this package; an undefined variable is an error."""
    return Environment(  # noqa: S701 - not HTML; every value is checked before it gets here
        loader=PackageLoader("asterisk_conf", folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
