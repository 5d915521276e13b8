"""The PIN of a case file: how it is stored, and that no order of attempts gets more of them than the limits allow."""

from dataclasses import dataclass, field

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from hypothesis import example, given
from hypothesis import strategies as st
from properties import patient

from db import pin_hashes
from ivr.cases.attempts import (
    DAY,
    HOUR,
    MINUTE,
    NOTHING,
    OF_CALL,
    OF_FILE,
    OF_NUMBER,
    OF_WITHHELD,
    Account,
    Attempts,
    Count,
    Limit,
    stored_count,
)

SEALED_CUT = "$sealed$argon2id$v=19$m=8,t=1,p=1$cut$x"
PEPPER = "the-pepper-of-the-test"
START = 1_795_600_000.0
FILES, NUMBERS = ("100010011", "100010020"), ("+33612345678", "+32470123456")


# The PIN itself


def test_a_pin_has_six_digits_and_is_not_one_that_is_guessed_first() -> None:
    made = {pin_hashes.new() for _ in range(2000)}
    assert len(made) > 1900
    assert all(len(pin) == 6 and pin.isascii() and pin.isdigit() for pin in made)
    assert not made & {"000000", "111111", "123456", "012345", "654321", "987654", "121212", "123123"}


@pytest.mark.parametrize("guess", ["000000", "777777", "123456", "789012", "654321", "135791", "121212", "123123"])
def test_a_pin_that_is_guessed_first_is_never_given_out(guess: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([int(guess), 402913])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    assert pin_hashes.new() == "402913"


def test_a_pin_is_stored_as_a_salted_memory_hard_hash() -> None:
    kept, again = pin_hashes.hash_pin("402913", PEPPER), pin_hashes.hash_pin("402913", PEPPER)
    assert kept != again
    assert kept.startswith("$sealed$argon2id$v=19$m=32768,t=3,p=1$")
    assert "402913" not in kept
    assert pin_hashes.matches("402913", kept, PEPPER)
    assert not pin_hashes.matches("402914", kept, PEPPER)
    assert not pin_hashes.matches("", kept, PEPPER)


def test_what_no_pin_matches_is_a_hash_like_any_other_and_takes_as_long_to_check() -> None:
    nothing, other = pin_hashes.hash_of_nothing(PEPPER), pin_hashes.hash_of_nothing(PEPPER)
    assert nothing != other
    assert extract_parameters(pin_hashes.unsealed(nothing, PEPPER)) == extract_parameters(
        pin_hashes.unsealed(pin_hashes.hash_pin("402913", PEPPER), PEPPER)
    )
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(pin_hashes.unsealed(nothing, PEPPER), "402913")


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "402913",
        "$argon2id$v=19$m=32768,t=3,p=1$cut",
        "$sealed",
        SEALED_CUT,
        "$2b$12$something",
    ],
)
def test_a_string_that_is_not_a_hash_matches_nothing(kept: str) -> None:
    assert not pin_hashes.matches("402913", kept, PEPPER)


@pytest.mark.usefixtures("quick_hashes")
def test_without_the_pepper_no_pin_can_be_checked() -> None:
    kept = pin_hashes.hash_pin("402913", PEPPER)
    assert not pin_hashes.matches("402913", kept, "another-pepper-of-the-test")
    # Nor by whoever takes the mark of the seal away.
    assert not pin_hashes.matches("402913", kept.removeprefix("$sealed"), PEPPER)


def test_a_hash_from_before_there_was_a_pepper_is_checked_and_can_be_sealed_without_the_pin() -> None:
    former = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("402913")
    assert pin_hashes.matches("402913", former, PEPPER) and not pin_hashes.matches("402914", former, PEPPER)
    kept = pin_hashes.sealed(former, PEPPER)
    assert former.rpartition("$")[2] not in kept
    assert pin_hashes.matches("402913", kept, PEPPER) and not pin_hashes.matches("402914", kept, PEPPER)
    assert not pin_hashes.matches("402913", kept, "another-pepper-of-the-test")
    assert pin_hashes.sealed(kept, PEPPER) == kept and pin_hashes.sealed("", PEPPER) == ""
    assert pin_hashes.unsealed(kept, PEPPER) == former == pin_hashes.unsealed(former, PEPPER), (
        "for the way back to an earlier release"
    )


# Limits


def test_the_third_failure_locks_for_five_minutes_and_each_further_one_for_twice_as_long_up_to_a_day() -> None:
    minutes = [OF_FILE.lock_s(failures) / MINUTE for failures in range(14)]
    assert minutes == [0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    assert OF_FILE.lock_s(100_000) == DAY
    assert OF_NUMBER == OF_FILE


def test_callers_who_hide_their_number_share_thirty_failures_and_are_locked_for_at_most_an_hour() -> None:
    assert (OF_WITHHELD.lock_s(29), OF_WITHHELD.lock_s(30), OF_WITHHELD.lock_s(100)) == (0, 5 * MINUTE, HOUR)


@dataclass
class House:
    """Attempts as in the controller, a database that lags as far behind as a test wants, and an oracle."""

    attempts: Attempts = field(default_factory=Attempts)
    now: float = START
    kept: dict[str, list[Count]] = field(default_factory=dict)  # what was written, the oldest first
    counted: dict[str, list[float]] = field(default_factory=dict)  # the oracle: checks that were not right, so far
    open: list[tuple[str, str, str, float]] = field(default_factory=list)  # in progress: file, number, call, when begun
    behind: int = 0  # how many writes the database does not have yet

    def accounts(self, file: str, number: str, call: str) -> tuple[Account, Account, Account]:
        return (
            Account(file, OF_FILE, self.read(file, OF_FILE), of="hash"),
            Account(number, OF_NUMBER, self.read(number, OF_NUMBER)),
            Account(call, OF_CALL),
        )

    def read(self, key: str, limit: Limit) -> Count:
        """Return a count as it comes back from a column of instants."""
        written = self.kept.get(key, [])
        count = written[-1 - self.behind] if len(written) > self.behind else NOTHING
        until = round(count.locked_until(limit), 6) if count.failures else None
        return stored_count(count.failures, until, limit)

    def begin(self, file: str, number: str, call: str) -> bool:
        counts = self.attempts.begin(self.accounts(file, number, call), self.now)
        if counts is None:
            return False
        self.open.append((file, number, call, self.now))
        self.write(file, number, counts)
        for key in (file, number, call):
            self.counted.setdefault(key, []).append(self.now)
        return True

    def end(self, which: int, right: bool) -> None:
        file, number, call, began = self.open.pop(which % len(self.open))
        if right:
            own, *others = self.accounts(file, number, call)
            self.write(file, number, self.attempts.succeed(own, others, began, self.now))
            self.counted[file] = []
            for key in (number, call):
                if began in self.counted[key]:
                    self.counted[key].remove(began)

    def write(self, file: str, number: str, counts: tuple[Count, ...]) -> None:
        for key, count in zip((file, number), counts[:2], strict=True):
            self.kept.setdefault(key, []).append(count)

    def allowed(self, key: str, limit: Limit) -> bool:
        """Apply the rule as a person would read it, to all instants."""
        run: list[float] = []
        for at in self.counted.get(key, []):
            if run and at >= run[-1] + limit.lock_s(len(run)) + limit.forgotten_s:
                run = []
            run.append(at)
        if run and self.now >= run[-1] + limit.lock_s(len(run)) + limit.forgotten_s:
            run = []
        return not run or self.now >= run[-1] + limit.lock_s(len(run))


begins = st.tuples(st.just("begin"), st.sampled_from(FILES), st.sampled_from(NUMBERS), st.sampled_from("ab"))
ends = st.tuples(st.just("end"), st.integers(0, 9), st.booleans())
failures = st.tuples(st.just("end"), st.integers(0, 9), st.just(False))
waits = st.tuples(
    st.just("wait"), st.sampled_from([0.0, 0.05, 1.0, MINUTE, 5 * MINUTE, 10 * MINUTE, 3 * HOUR, DAY, 2 * DAY])
)
lags = st.tuples(st.just("behind"), st.integers(0, 3))
kills = st.tuples(st.just("kill"))


def run(house: House, step: tuple[object, ...]) -> None:
    match step:
        case ("begin", str(file), str(number), str(call)):
            names = ((file, OF_FILE), (number, OF_NUMBER), (call, OF_CALL))
            allowed = all(house.allowed(key, limit) for key, limit in names)
            assert house.begin(file, number, call) is allowed
        case ("end", int(which), bool(right)) if house.open:
            house.now += 0.05
            house.end(which, right)
        case ("wait", float(seconds)):
            house.now += seconds
        case ("behind", int(writes)):
            house.behind = writes


BEGIN, WRONG, RIGHT = ("begin", FILES[0], NUMBERS[0], "a"), ("end", 0, False), ("end", 0, True)
LAG, LONG = ("behind", 1), ("wait", 2 * DAY)


@patient
@given(st.lists(st.one_of(begins, begins, ends, waits, lags), max_size=60))
@example([BEGIN, WRONG, BEGIN, WRONG, BEGIN, RIGHT, LAG, BEGIN, WRONG, BEGIN])
@example([BEGIN, WRONG, BEGIN, WRONG, LONG, LAG, BEGIN, WRONG, BEGIN, WRONG, BEGIN, WRONG, BEGIN])
def test_parallel_attempts_get_exactly_what_the_limits_allow_however_far_the_database_is_behind(
    steps: list[tuple[object, ...]],
) -> None:
    house = House()
    for step in steps:
        run(house, step)


@patient
@given(st.lists(st.one_of(begins, begins, failures, waits, kills), max_size=60))
@example([*[BEGIN, WRONG] * 3, LONG, BEGIN, ("kill",), BEGIN])  # the database's instant is slightly later
def test_a_killed_controller_gives_nobody_more_attempts(steps: list[tuple[object, ...]]) -> None:
    house = House()
    for step in steps:
        if step == ("kill",):
            house.attempts, house.open = Attempts(), []
            # A call's count is not stored; from here on only its file and its number count.
            house.counted.pop("a", None)
            house.counted.pop("b", None)
        run(house, step)


def test_of_a_hundred_attempts_at_the_same_moment_three_are_checked() -> None:
    house = House()
    assert sum(house.begin(FILES[0], f"+3361000{n:04}", f"call {n}") for n in range(100)) == 3


def test_a_day_and_a_half_of_trying_one_file_from_ever_new_numbers_gives_eleven_attempts() -> None:
    house, made = House(), 0
    for minute in range(36 * 60):
        house.now = START + minute * MINUTE
        made += house.begin(FILES[0], f"+3361000{minute:04}", f"call {minute}")
    assert made == 11


def test_a_right_pin_clears_the_file_and_only_its_own_attempt_of_the_number() -> None:
    house = House()
    for _ in range(2):
        assert house.begin(FILES[0], NUMBERS[0], "a")
        house.end(0, right=False)
    assert house.begin(FILES[0], NUMBERS[0], "a")
    house.end(0, right=True)
    own, number, call = house.accounts(FILES[0], NUMBERS[0], "a")
    assert house.kept[FILES[0]][-1] == NOTHING
    assert house.kept[NUMBERS[0]][-1] == Count(2, START)
    assert not house.attempts.locked([own, number, call], house.now)
    # So the next mistake, with any file, is the third of this number.
    assert house.begin(FILES[1], NUMBERS[0], "b")
    assert not house.begin(FILES[1], NUMBERS[0], "b")


def test_a_right_pin_after_a_lock_of_the_number_does_not_lock_again() -> None:
    house = House()
    for file in (*FILES, FILES[0]):
        assert house.begin(file, NUMBERS[0], f"call {file}")
    house.now += 6 * MINUTE
    assert house.begin(FILES[0], NUMBERS[0], "a")
    house.now += 0.05
    house.end(3, right=True)
    assert house.begin(FILES[1], NUMBERS[0], "a")


def test_a_file_with_a_new_pin_is_not_locked_by_the_failures_of_the_former_one() -> None:
    attempts = Attempts()
    former, new = (Account(FILES[0], OF_FILE, of=of) for of in ("former", "new"))
    for _ in range(3):
        assert attempts.begin([former], START)
    assert attempts.locked([former], START)
    assert not attempts.locked([new], START)
    assert attempts.begin([new], START) == (Count(1, START),)


def test_a_file_locked_in_the_database_by_an_administrator_is_locked() -> None:
    locked = Account(FILES[0], OF_FILE, stored_count(0, START + 100 * DAY, OF_FILE))
    assert Attempts().begin([locked], START + 99 * DAY) is None
    assert Attempts().begin([locked], START + 101 * DAY) is not None


def test_an_account_that_does_not_lock_is_counted_only() -> None:
    attempts, number = Attempts(), Account(NUMBERS[0], OF_NUMBER, locks=False)
    for _ in range(5):
        assert attempts.begin([number], START)
    assert attempts.exceeded(number, START) and not attempts.locked([number], START)


def test_made_up_references_take_only_bounded_memory() -> None:
    attempts = Attempts(bound=100)
    for n in range(1000):
        attempts.begin([Account(f"file {n}", OF_FILE)], START + n)
    assert len(attempts._entries) <= 100
    newest = Account("file 999", OF_FILE)
    assert attempts.begin([newest], START + 1000) == (Count(2, START + 1000),)
