"""What `HATIF_HOME` holds: settings, secrets, locks, logs and heartbeats."""
