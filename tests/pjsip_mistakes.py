"""Mistakes in the site's own pjsip.conf that would let strangers in, each with its finding."""

DOOR = """\
; The door's telephone.
[door]
type = endpoint
auth = door
context = hatif-operators

[door]
type = auth
username = door
password = a-password-of-16-letters
"""
OPEN = "needs no password and is identified by"

# The code; the text after DOOR and a blank line; the line number; the message.
MISTAKES: tuple[tuple[str, str, int, str], ...] = (
    ("E_ENDPOINT_OPEN", "[lift]\ntype=endpoint\n", 12, f"'lift' {OPEN} username, ip"),
    ("E_ENDPOINT_OPEN", "[lift]\ntype = endpoint\nidentify_by = ip,auth_username\n", 12, f"{OPEN} ip, auth_username"),
    ("E_ENDPOINT_OPEN", "[lift](!)\ntype = endpoint\n[first](lift)\n", 14, f"'first' {OPEN} username, ip"),
    ("E_ENDPOINT_OPEN", "[door](+)\ntype = endpoint\nauth =\n", 12, f"'door' {OPEN} username, ip"),
    ("E_ENDPOINT_OPEN", "[lift]\ntype => endpoint ;-- auth=door\nidentify_by = ip --;\n", 12, f"{OPEN} username, ip"),
    (
        "E_ENDPOINT_OPEN",
        "[lift]\ntype=endpoint\nidentify_by=ip\n[lift]\ntype=identify\nendpoint=lift\nmatch_header=X: y\n",
        15,
        "with match_header, anybody who writes that into a request",
    ),
    (
        "E_ENDPOINT_OPEN",
        "[lift]\ntype=endpoint\nidentify_by=ip\n[lift]\ntype=identify\nendpoint=lift\nmatch=192.0.2.1,0.0.0.0/0\n",
        15,
        "match = 0.0.0.0/0 is the whole internet",
    ),
    (
        "E_ENDPOINT_OPEN",
        "[lift]\ntype=endpoint\nidentify_by=ip\n[lift]\ntype=identify\nendpoint=lift\nmatch=0.0.0.0:5060/0\n",
        15,
        "match = 0.0.0.0:5060/0 is the whole internet",
    ),
    ("E_ENDPOINT_AUTH", "[lift]\ntype=endpoint\nauth=nobody\n", 12, "uses the auth 'nobody'"),
    ("E_PJSIP_INCLUDE", "#tryinclude more.conf\n", 12, "#tryinclude includes text that is not checked"),
    ("E_PJSIP_INCLUDE", '#exec "cat more.conf"\n', 12, "#exec includes text that is not checked"),
    ("E_PJSIP_TAKEN", "[carrier-one](+)\nidentify_by=username\n", 12, "[carrier-one] is written by Hatif"),
    ("E_PJSIP_TAKEN", "[operator](!)\ntype=endpoint\n", 12, "[operator] is written by Hatif"),
)
