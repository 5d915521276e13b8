"""What `hatif status` tells beside whether calls are served: what is wrong, and what to do."""

from collections.abc import Iterator, Mapping

from ivr.process import ProcessInfo
from ivr.supervisor import OWN_NAME


def unwatched(running: Mapping[str, ProcessInfo]) -> Iterator[str]:
    """The next process that ends stays away where nobody watches."""
    if running and OWN_NAME not in running:
        names = ", ".join(sorted(running))
        yield f"Nobody watches {names}: `hatif up` has ended. Start it again; it takes over what still runs."
