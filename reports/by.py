"""The groupings of reports."""

from enum import StrEnum

Key = tuple[str | None, ...]
"""A value for each grouping; None for a call without one."""


class By(StrEnum):
    """A grouping of calls."""

    DAY = "day"
    HOUR = "hour"
    HALF_HOUR = "half-hour"
    HOUR_OF_DAY = "hour-of-day"
    LANGUAGE = "language"
    COUNTRY = "country"
    TOPIC = "topic"
    OPERATOR = "operator"
    NUMBER = "number"
    ENDING = "ending"

    @property
    def column(self) -> str:
        """Its name in rows."""
        return self.replace("-", "_")


TIMES = (By.DAY, By.HOUR, By.HALF_HOUR, By.HOUR_OF_DAY)
