"""Recorded conversations: whoever hears one is on record before they do, and supervisors score them."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from db.audit import entry
from db.engine import insert_of, writing
from db.recording_data import RecordedCall, Sheet
from db.tables import ScoreSheet
from db.traces import Read
from office.context import Office
from office.people import Actor, Permission, require
from office.reading import Reading, record
from wire.errors import UserError

BEST = 5
LONGEST_REMARK = 1000
"""Characters."""


class ScoreError(UserError):
    """Scores that cannot be kept; the sentence says what would be right."""


async def hear(office: Office, actor: Actor, recorded: RecordedCall, reading: Reading) -> None:
    """Put on record that somebody listens to a recording. `reading` says why.

    Raises NotAllowedError, NotOnRecordError, and what `reading` raises: then nobody listens.
    """
    require(actor, Permission.SUPERVISE)
    why = await reading.why(None)
    if why is not None:
        of_call = replace(why, call=str(recorded.call))
        record(office, actor, Read.RECORDING, f"recording:{recorded.id}", of_call, {"operator": recorded.operator})
        reading.recorded(())


async def score(
    office: Office,
    actor: Actor,
    recorded: RecordedCall,
    scores: Mapping[str, int],
    remark: str,
    criteria: Collection[str],
) -> Sheet:
    """Keep how somebody scores a recorded conversation, 1 to 5 by criterion of the site. It replaces their earlier one.

    Raises NotAllowedError, ScoreError, DatabaseError.
    """
    require(actor, Permission.SUPERVISE)
    if unknown := scores.keys() - criteria:
        known = ", ".join(criteria) or "none; see [scoring] of site.toml"
        raise ScoreError(f"{', '.join(sorted(unknown))} is not a criterion of this site: {known}.")
    if not scores or not all(1 <= given <= BEST for given in scores.values()):
        raise ScoreError(f"A conversation is scored with 1 to {BEST} by criterion, for at least one of them.")
    if recorded.operator is None:
        raise ScoreError("Nobody knows whose conversation that was.")
    now = office.now()
    sheet = Sheet(recorded.id, actor.id, recorded.operator, recorded.started, now, scores, remark[:LONGEST_REMARK])
    columns = {"at": now, "scores": dict(scores), "remark": sheet.remark}
    whose = {"call_id": recorded.call, "operator_id": recorded.operator, "recorded": recorded.started}
    noted = entry(now, actor.id, "recording_scored", f"recording:{recorded.id}", operator=recorded.operator)
    async with writing(office.engine) as connection:
        key = {"recording_id": recorded.id, "by": actor.id}
        new = insert_of(connection.dialect.name)(ScoreSheet).values(node=office.node, **key, **whose, **columns)
        await connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=columns))
        await connection.execute(noted.values(call_id=recorded.call))
    return sheet
