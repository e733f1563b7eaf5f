# SPDX-License-Identifier: BSD-3-Clause
"""Charts as SVG: bars in groups, or lines over a number. Legible on light and on dark pages; the same input gives the same bytes."""
import math
import textwrap
from xml.sax.saxutils import escape

WIDTH, PLOT_HEIGHT, LEFT, RIGHT = 760, 280, 64, 16
LIGHT = ("#1f6feb", "#d1660f", "#2c8a3d", "#8250df", "#b3306b", "#57606a")
DARK = ("#6cb0ff", "#ffa657", "#62d37b", "#c9a5ff", "#ff8fc0", "#a3adb8")

_STYLE = ("text{{font:12px sans-serif;fill:{ink}}}.title{{font-size:15px;font-weight:bold}}.command{{font:10px monospace;fill:{faint}}}"
          ".value{{font-size:9px}}.paper{{fill:{paper}}}.grid{{stroke:{grid}}}.spread{{stroke:{ink}}}{series}")


def _colours(colours, ink, faint, paper, grid):
    series = "".join(f".f{i}{{fill:{c}}}.l{i}{{stroke:{c};fill:none;stroke-width:2}}" for i, c in enumerate(colours))
    return _STYLE.format(ink=ink, faint=faint, paper=paper, grid=grid, series=series)


STYLE = (_colours(LIGHT, "#1f2328", "#59636e", "#ffffff", "#d1d9e0") +
         "@media(prefers-color-scheme:dark){" + _colours(DARK, "#e6edf3", "#9198a1", "#0d1117", "#3d444d") + "}")


def number(value):
    """Of an axis or above a bar."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ticks(top):
    """Round numbers from 0 to `top` or a little above."""
    step = 10 ** math.floor(math.log10(top / 4))
    step = next(step * part for part in (1, 2, 2.5, 5, 10) if step * part * 6 >= top)
    return [i * step for i in range(math.ceil(top / step) + 1)]


def decades(least, top):
    return [10.0 ** i for i in range(math.floor(math.log10(least)), math.ceil(math.log10(top)) + 1)]


class Chart:
    """`series`: [(name, {x: figure with median, low and high})]; all x in their order in `places`."""

    def __init__(self, title, x_label, y_label, places, series, command, log=False):
        self.title, self.x_label, self.y_label, self.command = title, x_label, y_label, command
        self.places, self.series = places, series
        values = [figure[part] for _, points in series for figure in points.values() for part in ("median", "high")]
        top = max([*values, 1e-9])
        self.log = log
        self.ticks = decades(max(1e-9, min(figure["low"] or figure["median"] for _, points in series for figure in points.values())), top) \
            if log else ticks(top)
        self._parts = []
        self._above = 52 + 18 * self._legend_rows()

    def _legend_rows(self):
        rows, at = 1, LEFT
        for name, _ in self.series:
            wide = 30 + 7 * len(name)
            if at + wide > WIDTH - RIGHT:
                rows, at = rows + 1, LEFT
            at += wide
        return rows

    def _y(self, value):
        low, high = self.ticks[0], self.ticks[-1]
        part = math.log10(max(value, low) / low) / math.log10(high / low) if self.log else max(value, 0) / high
        return self._above + PLOT_HEIGHT * (1 - part)

    def _text(self, x, y, text, anchor="middle", kind=None, more=""):
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"' + (f' class="{kind}"' if kind else "") + f"{more}>{escape(text)}</text>")

    def _frame(self):
        self._text(WIDTH / 2, 22, self.title, kind="title")
        x, y = LEFT, 46
        for i, (name, _) in enumerate(self.series):
            wide = 30 + 7 * len(name)
            if x + wide > WIDTH - RIGHT:
                x, y = LEFT, y + 18
            self._parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" class="f{i % len(LIGHT)}"/>')
            self._text(x + 17, y, name, "start")
            x += wide
        for tick in self.ticks:
            at = self._y(tick)
            self._parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
            self._text(LEFT - 6, at + 4, number(tick), "end")
        middle = self._above + PLOT_HEIGHT / 2
        self._text(16, middle, self.y_label, more=f' transform="rotate(-90 16 {middle:.1f})"')

    def _spread(self, x, figure):
        if figure["high"] > figure["low"]:
            low, high = self._y(figure["low"]), self._y(figure["high"])
            self._parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" class="spread"/>')

    def _under(self, positions):
        """Names of the places and of the axis; returns where the caption begins."""
        wide = (WIDTH - LEFT - RIGHT) / max(len(positions), 1)
        lines = {place: textwrap.wrap(str(place), max(int(wide / 6.3), 9), break_long_words=False) for place in positions}
        for place, x in positions.items():
            for i, line in enumerate(lines[place]):
                self._text(x, self._above + PLOT_HEIGHT + 18 + 14 * i, line)
        at = self._above + PLOT_HEIGHT + 22 + 14 * max(map(len, lines.values()))
        self._text(LEFT + (WIDTH - LEFT - RIGHT) / 2, at, self.x_label)
        return at + 22

    def _done(self, at):
        lines = textwrap.wrap(self.command, 118, break_long_words=False, break_on_hyphens=False)
        for line in lines:
            self._text(LEFT, at, line, "start", "command")
            at += 13
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{at:.0f}" viewBox="0 0 {WIDTH} {at:.0f}" role="img">\n'
                f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n"
                f'<rect width="{WIDTH}" height="{at:.0f}" class="paper"/>\n' + "\n".join(self._parts) + "\n</svg>\n")

    def bars(self):
        """A group of bars for each place, a bar for each series; a thin line from quartile to quartile."""
        self._frame()
        group = (WIDTH - LEFT - RIGHT) / max(len(self.places), 1)
        bar = group * 0.8 / max(len(self.series), 1)
        bottom = self._above + PLOT_HEIGHT
        positions = {}
        for p, place in enumerate(self.places):
            positions[place] = LEFT + group * (p + 0.5)
            for s, (_, points) in enumerate(self.series):
                if place not in points:
                    continue
                figure, x = points[place], LEFT + group * (p + 0.1) + bar * s
                y = self._y(figure["median"])
                self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{bar * 0.92:.1f}" height="{max(bottom - y, 0):.1f}" class="f{s % len(LIGHT)}"/>')
                self._spread(x + bar * 0.46, figure)
                if bar > 22:
                    self._text(x + bar * 0.46, min(y, self._y(figure["high"])) - 3, number(figure["median"]), kind="value")
        return self._done(self._under(positions))

    def lines(self):
        """A line for each series over places that are numbers; a thin line from quartile to quartile."""
        self._frame()
        least, most = min(self.places), max(self.places)
        inner = (WIDTH - LEFT - RIGHT) * 0.9
        positions = {place: LEFT + (WIDTH - LEFT - RIGHT) * 0.05 + inner * ((place - least) / (most - least) if most > least else 0.5)
                     for place in self.places}
        for s, (_, points) in enumerate(self.series):
            path = []
            for place in self.places:
                if place not in points:
                    continue
                x, y = positions[place], self._y(points[place]["median"])
                self._spread(x, points[place])
                self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="f{s % len(LIGHT)}"/>')
                path.append(f"{x:.1f},{y:.1f}")
            if len(path) > 1:
                self._parts.append(f'<polyline points="{" ".join(path)}" class="l{s % len(LIGHT)}"/>')
        return self._done(self._under(positions))
