"""What `bench.menu` hopes for is compared with the bare controller of the same run."""

from bench.figures import check_targets, system
from bench.load import Measured


def test_each_hope_is_kept_up_to_its_limit_and_missed_beyond() -> None:
    bare = system(
        Measured([1.0] * 800, [1.0] * 800), Measured(ring_ms=[2.0] * 20), {"asterisk": 4.0, "controller": 0.4}
    )
    cpu = {"asterisk": 6.0, "controller": 0.9, "guard": 0.11, "journal": 0.4}
    hatif = system(Measured([1.4] * 800, [1.31] * 800), Measured(ring_ms=[3.0] * 20), cpu)
    found = check_targets({"dialplan": bare, "bare": bare, "hatif": hatif})
    missed = [line["wanted"].partition(", at most")[0] for line in found if not line["kept"]]
    ours = "processor time of controller, guard, journal"
    assert missed == ["key to sound, p50", "key to sound, p99", "guard's processor time", ours]
    assert len(found) == 9
