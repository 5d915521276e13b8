"""The content of `HATIF_HOME`: settings, secrets, locks, logs and heartbeats."""
