"""The tables that reports read, without the classes that describe them.

A query of classes such as `Call` has SQLAlchemy configure what all of them could do, before the first one: 0.06 s of a
command, on a quiet machine, and nothing that a report needs.
"""

from sqlalchemy import Table

from db import tables
from db.tables.base import Table as Described


def _table(described: type[Described]) -> Table:
    return Described.metadata.tables[described.__tablename__]


CALL = _table(tables.Call)
CALLBACK = _table(tables.Callback)
CALLBACK_TRY = _table(tables.CallbackTry)
CASE_FILE = _table(tables.CaseFile)
GUIDE_REQUEST = _table(tables.GuideRequest)
OFFER = _table(tables.Offer)
OPERATOR = _table(tables.Operator)
OPERATOR_STATE = _table(tables.OperatorStateRecord)
PAIRING = _table(tables.Pairing)
SCORE_SHEET = _table(tables.ScoreSheet)
SHIFT = _table(tables.Shift)
SURVEY_ANSWER = _table(tables.SurveyAnswer)
