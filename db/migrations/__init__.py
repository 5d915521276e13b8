"""Migrations. `db.upgrade.draft` makes a new one from what the tables have and the database has not.

Read it, and write by hand what comparing does not see: CHECKs, data.
"""
