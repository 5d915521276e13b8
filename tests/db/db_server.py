"""A private PostgreSQL server for tests."""

from bench.postgresql import INSTALL as INSTALL
from bench.postgresql import Server as Server
