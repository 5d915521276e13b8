"""Migrations. `db.upgrade.draft` writes a new one from the difference between the tables in code and the database.

Review it, and add by hand what the comparison does not see: CHECKs and data.
"""
