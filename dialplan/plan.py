"""The data of a dialplan, and its rendering as `extensions.conf`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from dialplan.codes import Code
from wire.errors import UserError

PROMPTS = ("institution", "moment", "closed", "fallback_wait", "fallback_nobody", "code_unavailable")
"""The prompts that the dialplan plays in each language: `<sounds>/<language>/<name>`."""

_TEMPLATE = "extensions.conf.jinja"
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,39}")
_SOUNDS = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_ADDRESS = re.compile(r"[A-Za-z0-9_.:@/{}+-]+")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_CODE = re.compile(r"[*#0-9]{1,6}")
_CODE_NAME = re.compile(r"[a-z_]{2,20}")
_GUARDED = re.compile(r'REGEX\(":\(([0-9|]+)\)\$" \$\{CHANNEL\(pjsip,local_addr\)\}\)')


class PlanError(UserError, ValueError):
    """A number, operator or name of the site that cannot be used in a dialplan; the message is one sentence."""


@dataclass(frozen=True)
class Number:
    """A number that callers dial, as written in the site: `+33…`, `0033…`, `00800…`, or national (`0800…`)."""

    number: str
    country: str | None  # ISO 3166, two capital letters; None if several countries share the number
    language: str  # the country's first language
    early: bool = False  # answered no earlier than the call needs it

    def __post_init__(self) -> None:
        _require(_NUMBER, self.number, "number", "3 to 20 digits, with or without a leading +, without spaces")
        if self.country is not None:
            _require(_COUNTRY, self.country, f"country of number {self.number}", "two capital letters as in FR")
        _require(
            _LANGUAGE, self.language, f"language of number {self.number}", "a code of two or three letters as in fr"
        )

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The forms in which carriers may send it: with +, with 00, with neither; a national one only as given."""
        digits = self.number.removeprefix("+").removeprefix("00")
        if digits.startswith("0") or self.number == digits:
            return (self.number,)
        return (f"+{digits}", f"00{digits}", digits)


@dataclass(frozen=True)
class Account:
    """Our user at a carrier with which we register. Its calls may name only this user; then `number` was called."""

    user: str
    number: str | None = None

    def __post_init__(self) -> None:
        _require(_USER, self.user, "user", "letters, digits, _ . + - (1 to 64)")
        if self.number is not None:
            _require(_NUMBER, self.number, "number", "3 to 20 digits, with or without a leading +, without spaces")


@dataclass(frozen=True)
class Limits:
    """How many callers are served at once: of one number, from one address (unless pjsip.conf has another figure for
    its carrier), and in total."""

    by_number: int = 3
    by_source: int = 60
    in_all: int = 400

    def __post_init__(self) -> None:
        for name in ("by_number", "by_source", "in_all"):
            if not 1 <= getattr(self, name) <= 10_000:
                raise PlanError(f"the limit {name} is {getattr(self, name)}; it must be from 1 to 10000")


@dataclass(frozen=True)
class Plan:
    """Everything that differs between the dialplans of two sites."""

    node: str
    numbers: tuple[Number, ...]
    languages: tuple[str, ...]  # the first is for callers without a language
    operators: tuple[str, ...]
    sounds: str = "hatif"  # prompts are <sounds>/<language>/<name>
    moh: str = "hatif"
    application: str = "hatif"
    queue_wait_s: int = 900
    ring_s: int = 15
    rest_s: int = 30  # the fallback does not ring an operator for this time after an unanswered call
    tries_s: int = 5  # the time for which the fallback tries to return a caller to the controller, once per second
    rounds: int = 2  # how many times the fallback returns the same caller to the controller; after that it is broken
    beat_s: int = 2  # the interval of the controller's heartbeat to Asterisk
    late_beats: int = 5  # after this many missing heartbeats Asterisk itself takes callers out of the application
    hold_beats: int = 30  # after this many, also callers on hold, whose operators are not back with them
    address: str = "PJSIP/{id}"  # the address of an operator's telephone
    codes: tuple[Code, ...] = ()  # the feature codes for operators' telephones
    limits: Limits = Limits()
    accounts: tuple[Account, ...] = ()
    plain_ports: tuple[int, ...] = (5060,)  # of all SIP without TLS
    web_telephones: bool = False  # each operator has a second telephone, `ID-web`, in a browser
    tries: bool = False  # people may try the line from their browsers
    outside: bool = False  # telephones of some operators are outside, and must be encrypted

    def __post_init__(self) -> None:
        _require(_WORD, self.node, "node", "letters, digits, _ . - (2 to 40)")
        _require(_WORD, self.moh, "music class", "letters, digits, _ . - (2 to 40)")
        _require(_WORD, self.application, "application", "letters, digits, _ . - (2 to 40)")
        _require(_SOUNDS, self.sounds, "folder of the prompts", "a path such as hatif")
        _require(_ADDRESS, self.address, "template of the operators' addresses", "an address such as PJSIP/{id}")
        for name in ("queue_wait_s", "ring_s", "rest_s", "tries_s", "rounds", "beat_s", "late_beats", "hold_beats"):
            if not 1 <= getattr(self, name) <= 86_400:
                raise PlanError(f"{name} is {getattr(self, name)}; it must be from 1 to 86400")
        if not self.plain_ports or not all(1 <= port <= 65535 for port in self.plain_ports):
            raise PlanError(f"the ports of SIP without TLS are {self.plain_ports}; each must be from 1 to 65535")
        if not self.languages:
            raise PlanError("there is no language; list at least one, the first is for callers without a language")
        for language in self.languages:
            _require(_LANGUAGE, language, "language", "a code of two or three letters as in fr")
        for number in self.numbers:
            if number.language not in self.languages:
                known = ", ".join(self.languages)
                raise PlanError(
                    f"number {number.number} has the language '{number.language}', but the site has only {known}"
                )
        for operator in self.operators:
            _require(_WORD, operator, "operator", "letters, digits, _ . - (2 to 40)")
        _refuse_duplicates("number", ((number.number, form) for number in self.numbers for form in number.forms))
        for code in self.codes:
            _require(_CODE_NAME, code.name, "code", "a name such as ready")
            _require(_CODE, code.digits, f"code {code.name}", "1 to 6 of 0 to 9, * and #")
        _refuse_duplicates("code", ((code.name, code.digits) for code in self.codes))
        # Asterisk ignores hyphens in extensions: op-1 would be op1.
        _refuse_duplicates("operator", ((operator, operator.replace("-", "")) for operator in self.operators))

    @property
    def own_accounts(self) -> tuple[Account, ...]:
        """The accounts that are not written like a number of the site, which has an entry of its own."""
        numbers = {form.replace("-", "") for number in self.numbers for form in number.forms}
        found = {account.user.replace("-", ""): account for account in self.accounts}  # Asterisk ignores hyphens
        return tuple(account for user, account in found.items() if user not in numbers)

    def address_of(self, operator: str) -> str:
        """Return the address for `Dial`: of both telephones if there may be two."""
        names = (operator, f"{operator}-web") if self.web_telephones else (operator,)
        return "&".join(self.address.replace("{id}", name) for name in names)


def render(plan: Plan) -> str:
    """Return the text of `extensions.conf`."""
    id_characters = r"A-Za-z0-9._\-"
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            plan=plan,
            id_characters=id_characters,
            dnid="${FILTER(+*#0-9,${CALLERID(dnid)})}",
            caller=r"${FILTER(+*#0-9A-Za-z._\-,${CALLERID(num)})}",
            phone=f"${{FILTER({id_characters}/,${{CHANNEL(name)}})}}",
            illegible=r"${LEN(${FILTER(\x80-\xff,${CHANNEL(pjsip,call-id)})})} > 0",
        )
    )


def guarded_ports(text: str) -> frozenset[int]:
    """Return the ports on which a rendered dialplan refuses calls that must come over TLS."""
    found = _GUARDED.search(text)
    return frozenset(map(int, found[1].split("|"))) if found is not None else frozenset()


def contexts() -> frozenset[str]:
    """Return the names of all contexts that a rendered dialplan may have."""
    text = (files("dialplan") / "templates" / _TEMPLATE).read_text("utf-8")
    return frozenset(re.findall(r"^\[(hatif-[a-z-]+)\]", text, re.MULTILINE))


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701  not HTML; Plan rejects values with characters that are special to Asterisk
        loader=PackageLoader("dialplan"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _require(pattern: re.Pattern[str], text: str, what: str, right: str) -> None:
    if not pattern.fullmatch(text):
        raise PlanError(f"{what} '{text}' cannot be used in a dialplan; it must be {right}")


def _refuse_duplicates(what: str, names: Iterator[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for name, key in names:
        if key in seen:
            other = seen[key]
            raise PlanError(
                f"{what} {name} is listed twice"
                if other == name
                else f"to Asterisk, {what}s {other} and {name} are the same; keep one of them"
            )
        seen[key] = name
