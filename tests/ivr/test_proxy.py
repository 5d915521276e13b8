"""Nothing that stays on this machine goes through a proxy that the administrator's shell names."""

import json

from line import PROXIES, Line

from ivr.softphone.telephone import Telephones


async def test_a_line_works_beside_a_proxy_that_sees_nothing_of_it(line: Line, telephones: Telephones) -> None:
    """All lines of the tests have the variables set; when one goes down, its proxy is looked at once more."""
    assert set(PROXIES) < set(line.environment)
    await line.phone(telephones, "1002", answers=880.0)
    call = await line.asks_for_operator(telephones, "+33612000321")
    await line.until_state("1002", "talking")
    checks = {row["name"]: row["ok"] for row in json.loads(line.process("status", "--json").stdout)["checks"]}
    assert checks["controller"] and checks["numbers"]  # asked over HTTP, and over AMI
    for command in ("operators", "waiting", "hours", "calls"):  # with the same variables, in this process
        assert line.run(command).returncode == 0, command
    await line.without_controller()  # the guard asks Asterisk
    await line.controller_again()
    await call.hangup()
    assert line.proxied() == []
