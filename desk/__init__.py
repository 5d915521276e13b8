"""The desk: the web pages of operators, supervisors and administrators, a process of its own.

A room has its routes, its queries and its templates. The desk reads the database, and changes what is live only
through the control API `/v1`, in the name of the person who is signed in. docs/desk.md describes it.
"""
