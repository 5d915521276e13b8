"""The case database and the way into it: tables, migrations, journal, deliverer, reads.

The controller never writes the database. It puts records into a journal on disk (`journal`); a process of its own
delivers them (`deliver`), each once. Imports nothing else of ours.
"""
