"""The case database: tables, migrations, queries, and the journal through which the controller writes.

The controller does not write live calls to the database itself. It appends records to a journal on disk (`journal`),
and a separate process delivers them to the database exactly once (`delivery`). Imports none of our other packages.
"""
