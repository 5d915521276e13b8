"""The parts of the line and what to do about their faults, in words of the catalogues."""

from collections.abc import Mapping

from desk.page.texts import N_

_START = N_("It is started again by itself. If it does not come back, its log says why.")

PARTS: Mapping[str, str] = {
    "process asterisk": N_("Asterisk: running"),
    "process ivr": N_("Controller: running"),
    "process guard": N_("Guard"),
    "process journal": N_("Journal"),
    "process monitor": N_("Monitoring"),
    "process desk": N_("Desk"),
    "process gate": N_("Gate of browser telephones"),
    "process hear": N_("Speech in menus"),
    "process transcriber": N_("Texts of messages: running"),
    "processes": N_("Needed processes"),
    "watched": N_("Watched over"),
    "controller": N_("Controller: connected to Asterisk"),
    "floor": N_("Floor: calls are offered to operators"),
    "test call": N_("Test call"),
    "drained": N_("New calls"),
    "numbers": N_("Numbers in Asterisk"),
    "calls": N_("Calls that ring"),
    "last minute": N_("Calls of the last minute"),
    "disk": N_("Disk"),
    "certificate": N_("Certificate of SIP"),
    "carrier": N_("Carrier"),
    "prompts": N_("Prompts of the flow"),
    "consulates": N_("Consulates"),
    "pages": N_("Pages: live"),
    "browser telephones": N_("Browser telephones"),
    "voices": N_("Slow voices"),
    "message texts": N_("Texts of messages"),
    "journal": N_("Records on their way"),
    "asterisk": N_("Asterisk: version"),
    "database": N_("Database"),
    "desk certificate": N_("Certificate of the desk"),
    "backup": N_("Backup"),
}
"""By the names of `hatif health`, without what comes after them."""

REMEDIES: Mapping[str, str] = {
    "process asterisk": N_("No call can come in. It is started again by itself; if not, see its log."),
    "process ivr": N_("Callers are served by the dialplan meanwhile. It is started again by itself; its log says why."),
    "process guard": _START,
    "process journal": N_("Calls go on; their records wait on the disk. It is started again by itself."),
    "process monitor": _START,
    "process desk": _START,
    "process gate": N_("Only softphones can be used meanwhile. It is started again by itself."),
    "process hear": N_("Callers have keys meanwhile. It is started again by itself; its log says why."),
    "process transcriber": N_("Messages can be heard; their texts wait. It is started again by itself."),
    "processes": N_("Start the line on the machine: `hatif up`, or `systemctl start hatif.target`."),
    "watched": N_("What ends now is not started again. Start `hatif up`, or continue it."),
    "controller": N_("It connects again by itself; if it does not, its log says why."),
    "floor": N_("It begins anew by itself; if that does not help, see the log of the controller."),
    "test call": N_("The line does not answer its own call: see the logs of controller and Asterisk."),
    "drained": N_("Somebody has stopped new calls: `hatif drain --end` takes them again."),
    "numbers": N_("Run `hatif dialplan load`, so that Asterisk knows all numbers."),
    "calls": N_("Callers hear ringing and nobody answers: see the log of the controller, and end it."),
    "last minute": N_("Callers were not answered: see the logs of controller and Asterisk."),
    "disk": N_("Free some space: records and messages need it."),
    "certificate": N_("Renew it, then run `hatif reload`."),
    "carrier": N_("Its calls do not come in. Ask the carrier, or give it the new password."),
    "prompts": N_("Callers do not hear all texts. The audio is made again by itself; the page Prompts has the rest."),
    "consulates": N_("Callers hear numbers that nobody has confirmed. Write the real ones: docs/consulates.md."),
    "pages": N_(
        "Pages may show what is old. The desk asks the controller again by itself; if that does not help, end the"
        " process `desk`: another one is started."
    ),
    "browser telephones": N_(
        "Operators can use softphones meanwhile. If it stays, end the process `gate`: another one is started."
    ),
    "voices": N_("The language keeps its quick voice; the page Prompts says why."),
    "message texts": N_("Messages can be heard; their texts wait: see `hatif speech status`."),
    "journal": N_("Calls go on, and nothing is lost while there is room on the disk. See to the database."),
    "asterisk": N_("Install a newer release: this one lacks security fixes."),
    "database": N_("Start it, or free its disk. Calls go on meanwhile."),
    "desk certificate": N_("Renew it, then restart the desk: browsers refuse an expired one."),
    "backup": N_("Make one each night: docs/backup.md."),
}
"""Remedies for faults, by part."""
