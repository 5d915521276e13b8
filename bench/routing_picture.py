"""The picture of `bench.routing_scale`: time per event against the size of the floor, both logarithmic."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from picture import svg

WIDTH, HEIGHT = 760.0, 440.0
LEFT, TOP, RIGHT, BOTTOM = 78.0, 64.0, 560.0, 380.0
COLOURS = {"crowded": "#0b6fa4", "calm": "#2e7d32", "divided": "#8e24aa"}
LINE = 14.0
INK, FAINT, LIMIT = "#333333", "#dddddd", "#c62828"


def draw(rows: Sequence[Mapping[str, Any]], limit_us: float, machine: Mapping[str, Any]) -> str:
    sizes = sorted({row["size"] for row in rows})
    times = [row[name] for row in rows for name in ("p50_us", "p99_us", "plain_p50_us")] + [limit_us]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    span = math.log10(sizes[-1] / sizes[0]) or 1.0

    def at(size: float, time: float) -> svg.Point:
        x = LEFT + (RIGHT - LEFT) * math.log10(size / sizes[0]) / span
        return x, BOTTOM - (BOTTOM - TOP) * (math.log10(time) - low) / (high - low)

    def line(points: Sequence[svg.Point], colour: str, dashes: str = "none", width: str = "2") -> None:
        steps = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        svg.path(picture, steps, fill="none", stroke=colour, stroke_width=width, stroke_dasharray=dashes)

    title = "One event and its decision, by the size of the floor"
    picture = svg.root(WIDTH, HEIGHT, title)
    svg.rectangle(picture, (0, 0), (WIDTH, HEIGHT), fill="#ffffff")
    svg.text(picture, (LEFT, 26), title, size=16, fill=INK)
    about = f"{machine['cpu']}, one core, Python {machine['python']}; microseconds"
    svg.text(picture, (LEFT, 46), about, size=11, fill=INK)
    for power in range(low, high + 1):
        y = at(sizes[0], 10.0**power)[1]
        line([(LEFT, y), (RIGHT, y)], FAINT, width="1")
        svg.text(picture, (LEFT - 8, y + 4), f"{10**power:,}", size=11, fill=INK, text_anchor="end")
    for size in sizes:
        x = at(size, 10.0**low)[0]
        svg.text(picture, (x, BOTTOM + 18), f"{size:,}", size=11, fill=INK, text_anchor="middle")
    svg.text(picture, (LEFT, BOTTOM + 40), "callers who wait, and operators (each)", size=12, fill=INK)
    line([at(sizes[0], limit_us), at(sizes[-1], limit_us)], LIMIT, "2 3")
    labels = [(at(sizes[-1], limit_us)[1], f"limit {limit_us:.0f} µs", LIMIT)]
    for name, colour in COLOURS.items():
        mine = sorted((row for row in rows if row["scene"] == name), key=lambda row: row["size"])
        for figure, words, dashes in (
            ("p50_us", "p50", "none"),
            ("p99_us", "p99", "6 3"),
            ("plain_p50_us", "plain", "1 3"),
        ):
            points = [at(row["size"], row[figure]) for row in mine]
            line(points, colour, dashes)
            labels.append((points[-1][1], f"{name}, {words}", colour))
    # From the lowest upwards, so that no label covers another one or the sizes.
    above = BOTTOM + 4 + LINE
    for y, words, colour in sorted(labels, reverse=True):
        above = min(y + 4, above - LINE)
        svg.text(picture, (RIGHT + 10, above), words, size=11, fill=colour)
    return svg.to_text(picture)
