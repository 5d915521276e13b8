"""Sockets of another user of this machine, for tests that run as root."""

import os
import socket

import pytest

NOBODY = 65534
"""A user who is neither this one nor root."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def made_as(user: int, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Return a socket that another user has made."""
    os.seteuid(user)
    try:
        return socket.socket(family, kind)
    finally:
        os.seteuid(0)
