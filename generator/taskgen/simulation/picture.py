"""Pictures of a run as SVG: arrivals, tasks, waits and replicas on one axis of time. No library, the same bytes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from taskgen.simulation.running import Result
from taskgen.simulation.series import Bin, series
from taskgen.simulation.wording import duration

WIDTH, LEFT, RIGHT, TOP = 960, 76, 24, 64
PANEL, GAP, BOTTOM = 130, 34, 44
PLOT = WIDTH - LEFT - RIGHT
COLOURS = {"blue": "#1f6fb2", "orange": "#d9701e", "green": "#3b8f4e", "grey": "#8a929a", "red": "#c0392b"}
ROUND_TIMES = (10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800)
STYLE = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#22272b}"
    ".title{font-size:16px;font-weight:600}.small{fill:#5b646c}.end{text-anchor:end}.middle{text-anchor:middle}"
    "path{fill:none;stroke-width:1.6;stroke-linejoin:round}.frame{stroke:#c9ced3;stroke-width:1}"
    ".grid{stroke:#e8ebee;stroke-width:1}"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel."""

    label: str
    colour: str
    read: Callable[[Bin], float]
    dashed: bool = False
    area: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot; all share the axis of time."""

    title: str
    lines: tuple[Line, ...]
    show: Callable[[float], str]
    limit: tuple[float, str] | None = None
    """a value with a name, drawn across"""


def picture(title: str, results: Sequence[tuple[str, Result]]) -> str:
    """Return the picture of one tier.

    Args:
        title: of the picture.
        results: one setting, or two to be compared, by name; each is drawn below the one before.
    """
    drawn = [(name, result, series(result.first)) for name, result in results]
    most = [
        max((line.read(one) for _, _, bins in drawn for line in panel.lines for one in bins), default=0.0)
        for panel in _panels(drawn[0][1])
    ]
    parts: list[str] = []
    y = TOP
    for name, result, bins in drawn:
        if len(drawn) > 1:
            parts.append(f'<text x="{LEFT}" y="{y - 4}" class="title">{escape(name)}</text>')
            y += 22
        for number, (panel, largest) in enumerate(zip(_panels(result), most, strict=True)):
            if number == 0 and name != drawn[0][0]:
                continue  # both see the same arrivals
            parts += _panel(panel, bins, y, largest, result.first.seconds)
            y += PANEL + GAP
        y += 14 if len(drawn) > 1 else 0
    height = y - GAP + BOTTOM
    parts += _time_axis(height - BOTTOM, drawn[0][1].first.seconds)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        f' role="img"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="{LEFT}" y="26" class="title">{escape(title)}</text>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _panels(result: Result) -> tuple[Panel, ...]:
    goal = result.tier.goal
    hoards = result.tier.worker.hoards
    reserved = (Line("reserved by workers", "red", lambda one: one.reserved),) if hoards else ()
    return (
        Panel("tasks that arrive, per second", (Line("", "grey", lambda one: one.arrivals, area=True),), _number),
        Panel(
            "tasks",
            (
                Line("running", "green", lambda one: one.running, area=True),
                *reserved,
                Line("waiting in the queue", "orange", lambda one: one.waiting),
            ),
            _number,
        ),
        Panel(
            "wait of the tasks that start",
            (
                Line("p99", "orange", lambda one: one.wait_p99),
                Line("p50", "blue", lambda one: one.wait_p50),
            ),
            duration,
            (goal.wait_s, f"goal p{goal.quantile * 100:g}"),
        ),
        Panel(
            "replicas",
            (
                Line("ready", "blue", lambda one: one.ready, area=True),
                Line("wanted", "grey", lambda one: one.wanted, dashed=True),
            ),
            _number,
        ),
    )


def _panel(panel: Panel, bins: Sequence[Bin], y: int, largest: float, seconds: float) -> list[str]:
    limit = panel.limit if panel.limit and panel.limit[0] <= 4 * largest else None
    top, ticks = _scale(max(largest, limit[0] if limit else 0.0), panel.show is duration)
    parts = [f'<text x="{LEFT}" y="{y - 6}">{escape(panel.title)}</text>']
    for tick in ticks:
        at = _y(tick, top, y)
        parts.append(f'<path class="grid" d="M{LEFT} {at}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{float(at) + 4:g}" class="small end">{panel.show(tick)}</text>')
    if limit:
        at = _y(limit[0], top, y)
        parts.append(f'<path stroke="{COLOURS["red"]}" stroke-dasharray="6 4" d="M{LEFT} {at}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT - 4}" y="{float(at) - 4:g}" class="small end">{escape(limit[1])}</text>')
    for line in panel.lines:
        parts += _line(line, bins, y, top, seconds)
    parts.append(f'<path class="frame" d="M{LEFT} {y}V{y + PANEL}H{WIDTH - RIGHT}"/>')
    x = WIDTH - RIGHT
    for line in reversed([line for line in panel.lines if line.label]):
        parts.append(f'<text x="{x}" y="{y - 6}" class="small end">{escape(line.label)}</text>')
        x -= round(6.3 * len(line.label)) + 8
        dash = ' stroke-dasharray="3 3"' if line.dashed else ""
        parts.append(f'<path stroke="{COLOURS[line.colour]}"{dash} d="M{x - 16} {y - 10}H{x}"/>')
        x -= 30
    return parts


def _line(line: Line, bins: Sequence[Bin], y: int, top: float, seconds: float) -> list[str]:
    """Return a line as steps: a bin has one value from its start to its end."""
    path = ""
    for one in bins:
        at = _y(line.read(one), top, y)
        path += f"{'V' if path else f'M{_x(one.start, seconds)} '}{at}H{_x(one.end, seconds)}"
    colour = COLOURS[line.colour]
    parts = []
    if line.area and path:
        closed = f"{path}V{y + PANEL}H{_x(bins[0].start, seconds)}Z"
        parts.append(f'<path d="{closed}" style="fill:{colour};fill-opacity:.14"/>')
    dash = ' stroke-dasharray="3 3"' if line.dashed else ""
    return [*parts, f'<path stroke="{colour}"{dash} d="{path}"/>']


def _time_axis(y: int, seconds: float) -> list[str]:
    steps = (*ROUND_TIMES, 86400 * math.ceil(seconds / 86400 / 12))
    step = next(one for one in steps if seconds / one <= 12)  # noqa: PLR2004  # labels that fit
    parts = []
    for number in range(int(seconds / step) + 1):
        x = _x(number * step, seconds)
        parts.append(f'<path class="frame" d="M{x} {y}v5"/>')
        parts.append(f'<text x="{x}" y="{y + 20}" class="small middle">{duration(number * step)}</text>')
    return parts


def _x(at: float, seconds: float) -> str:
    return f"{LEFT + PLOT * at / seconds:.1f}".removesuffix(".0")


def _y(value: float, top: float, y: int) -> str:
    return f"{y + PANEL * (1 - value / top):.1f}".removesuffix(".0")


def _scale(largest: float, times: bool) -> tuple[float, list[float]]:
    """Return the top of an axis and its ticks: three or four round numbers."""
    largest = max(largest, 1e-3)
    decimal = [10.0**power * factor for power in range(-3, 9) for factor in (1, 2, 5)]
    steps = [*(one for one in decimal if one < 10), *ROUND_TIMES] if times else decimal  # noqa: PLR2004  # seconds
    step = next((one for one in steps if largest / one <= 4), largest / 4)  # noqa: PLR2004  # ticks that fit
    count = max(1, math.ceil(largest / step - 1e-9))
    return step * count, [step * number for number in range(count + 1)]


def _number(value: float) -> str:
    return f"{value:g}" if value < 1000 else f"{value / 1000:g}k"  # noqa: PLR2004  # thousands
