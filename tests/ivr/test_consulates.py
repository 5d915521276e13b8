"""A caller hears their consulate's duty number by telephone after closing; all else: `test_trial_consulates.py`."""

from typing import Any

import yaml
from left import KEYS, begins
from line import Line

from ivr.flow.nodes.consulate import consulate_clips
from ivr.site import consulates
from ivr.softphone.telephone import Telephones

CALLER, NUMBER = "+32470900001", "+32800212001"


async def test_after_closing_a_caller_hears_the_duty_number_of_their_consulate(
    line: Line, telephones: Telephones
) -> None:
    language = "nl"
    nodes = yaml.safe_load((line.site / "flow.yaml").read_text())["nodes"]
    (urgent,) = (str(option["key"]) for option in nodes["closed"]["options"] if option["next"] == "urgent")
    (duty,) = (str(option["key"]) for option in nodes["urgent"]["options"] if option["next"] == "duty")
    (brussels,) = consulates.load(line.site).of("BE")
    line.control("POST", "/hours", {"force": "closed", "why": "test"})
    (shown,) = line.control("GET", f"/consulates?country=BE&language={language}")
    assert (shown["city"], shown["duty"], shown["status"]) == ("Consulaat in Brussel", brussels.duty, "sample")
    call = await line.dial(telephones, CALLER, NUMBER)
    await call.press(KEYS[language])
    closed = await begins(call, line.audio(language, "force_closed"))
    await call.press(urgent)
    offered = await begins(call, line.audio(language, "consulate_duty"), closed.offset_s)
    await call.press(duty)
    told = line.sound(consulate_clips(language, brussels, "duty"))
    await call.hears(told, 60, offered.offset_s)
    await call.hangup()
    story = await line.story(CALLER)
    (heard,) = (event["data"] for event in story["events"] if event["kind"] == "consulate")
    assert heard == {"what": "duty", "country": "BE", "city": "city_brussels"}
    assert story["call"]["outcome"] == "self_served"
    said = line.run("call", str(story["call"]["id"])).stdout
    assert "hears the duty number of the consulate city_brussels, BE" in said


def test_the_status_names_samples_as_soon_as_a_live_number_speaks_them(line: Line) -> None:
    def named() -> list[dict[str, Any]]:
        return [check for check in line.json("status")["checks"] if check["name"] == "consulates"]

    assert line.status()["sample_consulates"]["BE"] == 1
    assert named() == [], "the example's numbers are nobody's"
    settings = line.site / "site.toml"
    settings.write_text(settings.read_text().replace(NUMBER, "+32800999001"))
    (check,) = named()
    assert (check["ok"], check["fatal"]) == (False, False) and check["found"].endswith(" hear: 1")
