"""The pictures of one report."""

from collections.abc import Sequence

from reports.by import TIMES, By
from reports.charts import MOST_COLUMNS, Bar, draw_columns, draw_lines, time_label
from reports.group import Group
from reports.groups import Groups
from reports.labels import days_of, label_of
from reports.names import Names
from reports.reading import ReportData
from reports.request import ReportRequest
from reports.words import N_, Words
from routing.figures import Limits


def draw(request: ReportRequest, data: ReportData, words: Words, names: Names) -> list[str]:
    """Return pictures by what the report is grouped by, and by the hour of the day, as SVG."""
    place = next((place for place, by in enumerate(request.by) if by in TIMES), 0)
    by, groups = request.by[place], _merged(request, data, place)
    found = []
    if by in TIMES and by is not By.HOUR_OF_DAY and 1 < len(groups) <= MOST_COLUMNS:
        bars = [Bar.of(time_label(by, key or "", words), group) for key, group in groups]
        title = words.text(N_("Calls of %(days)s"), days=days_of(request, words))
        found.append(draw_columns(title, summary_of(request, data.groups, words), bars, request.within, words))
    elif by not in TIMES:
        ordered = [(key, group) for key, group in groups if key is not None or by is not By.OPERATOR]
        bars = [Bar.of(label_of(by, key, data, words, names), group) for key, group in ordered]
        bars.sort(key=lambda bar: -bar.waited)
        found.append(draw_lines(words.text(_BY[by]), days_of(request, words), bars, words))
    if data.hours is not None:
        found.append(draw_hours(request, data.hours, words))
    return found


_BY = {
    By.LANGUAGE: N_("Calls that waited, by language"),
    By.COUNTRY: N_("Calls that waited, by country"),
    By.TOPIC: N_("Calls that waited, by topic"),
    By.OPERATOR: N_("Answered calls, by operator"),
    By.NUMBER: N_("Calls that waited, by number"),
    By.ENDING: N_("Calls that waited, by how they ended"),
}


def draw_hours(request: ReportRequest, hours: Groups, words: Words, site: str = "") -> str:
    """Return the picture by the hour of the day, as SVG; from the first hour with calls to the last."""
    waited = {int((key or "0")[:2]): group for (key,), group in hours.rows if group.tally.figures().waited}
    span = range(min(waited), max(waited) + 1) if waited else range(0)
    empty = Group(Limits(request.within, request.short))
    bars = [Bar.of(f"{hour:02}", waited.get(hour, empty)) for hour in span]
    title = words.text(N_("Calls by the hour of the day, %(days)s"), days=days_of(request, words))
    return draw_columns(
        f"{site}: {title}" if site else title, summary_of(request, hours, words), bars, request.within, words
    )


def summary_of(request: ReportRequest, groups: Groups, words: Words) -> str:
    """Return the most important figures as one line."""
    total = groups.total.tally.figures()
    parts = [words.text(N_("%(number)s calls waited for an operator"), number=words.count(total.waited))]
    if total.service_level_offered is not None:
        sentence = N_("%(share)s of those offered were answered within %(within)s s")
        share = words.percent(total.service_level_offered)
        parts.append(words.text(sentence, share=share, within=f"{request.within:g}"))
    if total.average_speed_of_answer_s is not None:
        sentence = N_("answered after %(seconds)s s on average")
        parts.append(words.text(sentence, seconds=words.tenths(total.average_speed_of_answer_s)))
    if total.abandonment is not None:
        parts.append(words.text(N_("%(share)s abandoned"), share=words.percent(total.abandonment)))
    return " · ".join(parts)


def _merged(request: ReportRequest, data: ReportData, place: int) -> Sequence[tuple[str | None, Group]]:
    """Return the groups of one of the groupings."""
    if len(request.by) == 1:
        return [(key, group) for (key,), group in data.groups.rows]
    found: dict[str | None, Group] = {}
    for key, group in data.groups.rows:
        part = key[place]
        if part not in found:
            found[part] = Group(Limits(request.within, request.short))
        found[part].add(group)
    times = request.by[place] in TIMES
    return sorted(found.items(), key=lambda row: row[0] or "") if times else list(found.items())
