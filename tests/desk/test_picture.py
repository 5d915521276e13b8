"""The desk's picture of the line is built of what the control API's events carry."""

import json
import time

import msgspec

from desk.control import Event
from desk.live.picture import Picture, SiteFacts
from wire.live import Alarm, AlarmKind, Snapshot


def test_an_alarm_of_a_kind_that_only_a_newer_controller_knows_is_shown_with_its_sentence() -> None:
    known = Alarm(id="ari_down", kind=AlarmKind.ARI_DOWN, text="The controller is not connected.")
    told = json.loads(msgspec.json.encode(Snapshot(at=time.time(), operators=(), queue=(), calls=(), alarms=(known,))))
    told["alarms"].append({"id": "flood", "kind": "flood", "text": "Water is in the cellar.", "depth_cm": 3})
    picture = Picture(SiteFacts())
    picture.apply(Event("snapshot", told))
    assert picture.alarms["ari_down"] == known
    assert (picture.alarms["flood"].kind, picture.alarms["flood"].text) == ("flood", "Water is in the cellar.")
