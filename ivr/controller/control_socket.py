"""The socket of the control API, of which there is one for each controller."""

import socket

from ivr.home.settings import SettingsError


def listen(port: int) -> socket.socket:
    """Return the socket of the control API, bound and listening on loopback.

    Raises:
        SettingsError: The port is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"TCP port {port} (control API) cannot be used ({error.strerror}): is another controller running? "
            "Stop it, or set HATIF_PORT_OFFSET to another multiple of 1000."
        ) from None
    listening.listen(64)
    return listening
