"""`[call_records]` of `site.toml`: records in the forms of Asterisk, for tools that read those."""

from pydantic import BaseModel, ConfigDict


class CallRecords(BaseModel):
    """Records that are written beside the database. Both have callers' numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue_log: bool = False  # asterisk/log/queue_log in HATIF_HOME, and the table queue_log
    cdr: bool = False  # asterisk/log/cdr-csv/Master.csv in HATIF_HOME
