"""`hatif check`: the rules that a site's files must keep, and the findings."""
