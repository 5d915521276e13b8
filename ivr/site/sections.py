"""Sections of `site.toml` that are a few plain values each. Those with rules of their own are files beside this one."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ivr.site.addresses import BindAddress
from ivr.site.wording import LANGUAGE, plain_word, written_as
from routing.thresholds import Thresholds


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Speech(_Section):
    """`[speech]`: what callers say, heard by recognisers. Without it, nothing of it runs."""

    messages: bool = False  # voice messages get a text
    menus: bool = False  # callers may say an option instead of pressing its key
    packaged: bool = False  # languages without a model of Vosk's are heard by the packaged recogniser, after the end
    workers: int = Field(2, ge=1, le=16)  # processes that hear callers; others have keys only


Days = Annotated[int, Field(ge=1, le=36_500)] | None
"""None: for ever."""


class Retention(_Section):
    """`[retention]`: after how many days what is deleted, kind by kind."""

    calls: Days = None  # with their events, decisions, answers to the survey; ended requests; callers' languages
    recordings: Days = None  # the audio of conversations
    messages: Days = None  # the audio and the text of voice messages
    cases: Days = None  # after they were closed, with their notes
    audit: Days = None
    logs: Days = None
    journals: Days = None  # what the database refused
    backups: Days = None  # those in HATIF_HOME/backups


class CallRecords(_Section):
    """`[call_records]`: records in the forms of Asterisk, beside the database. Both have callers' numbers."""

    queue_log: bool = False  # asterisk/log/queue_log in HATIF_HOME, and the table queue_log
    cdr: bool = False  # asterisk/log/cdr-csv/Master.csv in HATIF_HOME


Criterion = Annotated[str, written_as("[a-z][a-z0-9_]{0,30}", plain_word(31))]
PageLanguage = Annotated[str, written_as("[a-z]{2,3}", LANGUAGE)]
Words = Annotated[str, Field(min_length=1, max_length=60), written_as(r"[^\x00-\x1f\x7f]*", "write it in one line")]


class Scoring(_Section):
    """`[scoring]`: the criteria of a score sheet, each scored from 1 to 5. Without criteria, nothing can be scored."""

    criteria: dict[Criterion, dict[PageLanguage, Words]] = Field({}, max_length=20)  # with names for the desk's pages


class Alarms(_Section):
    """`[alarms]`: limits whose excess is an alarm for supervisors; 0: none."""

    waiting: int = Field(10, ge=0, le=10_000)  # so many callers wait
    waiting_s: float = Field(180, ge=0, le=86_400)  # the longest wait, by language
    service_level: float = Field(0.7, ge=0, le=1)  # of the last half hour, after ten calls: fewer were answered in time
    abandoned: float = Field(0.2, ge=0, le=1)  # of the same: a larger share gave up

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(**self.model_dump())


class Pins(_Section):
    """`[pins]`: how many files whose PIN was entered wrongly within an hour are more than honest mistakes."""

    alarm_files: int = Field(30, ge=2, le=10_000)  # people are told; twice as many, and strangers get an operator


class Bans(_Section):
    """`[bans]`: how many wrong passwords ban an address."""

    after: int = Field(10, ge=0, le=1000)  # wrong passwords within ten minutes; 0: nobody is banned


class Silence(_Section):
    """`[silence]`: when a party that sends nothing is checked, and when it counts as gone."""

    silent_s: float = Field(10, ge=1, le=60)  # without audio or reports about it
    again_s: float = Field(20, ge=1, le=600)  # until the next check after an answer
    answer_s: float = Field(16, ge=6.4, le=32)  # without an answer for this time it is gone; Asterisk's minimum is 6.4


class Monitoring(_Section):
    """`[monitoring]`: figures for Prometheus and the line's health, by `hatif monitor`."""

    enabled: bool = True
    listen: BindAddress = "127.0.0.1"  # whoever reaches it reads the figures: there is no password


class Recording(_Section):
    """`[recording]`: whether conversations are recorded."""

    conversations: bool = False  # only with the caller's consent by key


class Database(_Section):
    """`[database]`: where it is."""

    url: str | None = None  # absent: SQLite in HATIF_HOME
    connections: int = Field(10, ge=2, le=200)  # of the controller at most, and as many of the desk
