# SPDX-License-Identifier: BSD-3-Clause
"""docs/performance.md out of docs/performance.md.in and the stored runs: prose stays as it is, and each @WORD RUN KEY=VALUE …@ becomes

    @about RUN@                 the command, and where and when it ran
    @table RUN …@               rows=KEY,… (heads=WORDS;… names them) and one of: columns=KEY cell="…" (a column for each value of that key),
                                cells="HEAD=…;HEAD=…", figures=NAME,…
    @chart RUN file=NAME …@     kind=bars|lines title= x= x_label= y_label= and either figures=NAME,… or series=KEY figure=NAME; log=yes; x is a key, or
                                words with {KEY} in them
    @median RUN figure=NAME …@  of the one row that is meant
    @range RUN figure=NAME …@   the least and most median of the rows that are meant; @least and @most: one of them

Every other KEY=VALUE says which rows are meant: patterns with *, several with | between. In a cell {NAME} is a figure, and what is in
[brackets] is left out where a figure of it is missing; {NAME:most} is another part of it than its median. A directive may go over several lines.
"""
import fnmatch
import os
import re
import shlex

import chart
from figures import load

DECIMALS = {"cycles": 1, "Mpps": 1, "times": 2, "Mbit/s": 0, "us": 1, "ms": 2, "ms a second": 2, "MB": 0, "frames": 0, "%": 2, "s": 2,
            "of 1,000": 2, "of a million": 0, "a second": 0, "percent": 0}
_DIRECTIVE = re.compile(r"@(about|table|chart|median|range|least|most)\s+([^@]+?)\s*@")


class Mistake(Exception):
    """The template asks for what is not there."""


def text_of(figure, part="median"):
    value = f"{figure[part]:,.{DECIMALS.get(figure['unit'], 1)}f}"
    return value[1:] if re.fullmatch(r"-0\.?0*", value) else value


def cell_text(form, figures):
    """`form` with figures in it; "-" for one that is missing."""
    wanted = re.compile(r"\{([^}:]+)(?::(\w+))?\}")

    def fill(text):
        return wanted.sub(lambda found: text_of(figures[found[1]], found[2] or "median") if found[1] in figures else "-", text)

    def optional(found):
        return fill(found[1]) if all(name in figures for name, _ in wanted.findall(found[1])) else ""
    return fill(re.sub(r"\[([^\]]*)\]", optional, form))


def _part_of(figures, name):
    """The figure of that name; with NAME:PART that part of it alone."""
    name, _, part = name.partition(":")
    if not part or name not in figures:
        return figures.get(name)
    return {**figures[name], **dict.fromkeys(("median", "low", "high"), figures[name][part])}


class Document:
    """`folder` has the runs, and gets the charts; charts() and text() are what `write` writes."""

    def __init__(self, template, folder):
        self._template, self._folder = template, folder
        self._runs, self._charts = {}, {}

    def _run(self, name):
        if name not in self._runs:
            path = os.path.join(self._folder, name + ".json")
            self._runs[name] = load(path) if os.path.exists(path) else None
        return self._runs[name]

    def _rows(self, run, wanted):
        def meant(row):
            return all(any(fnmatch.fnmatchcase(str(row["of"].get(key, "")), pattern) for pattern in patterns.split("|"))
                       for key, patterns in wanted.items())
        return [row for row in run["rows"] if meant(row)]

    def text(self):
        """The document. The charts are made with it."""
        text = _DIRECTIVE.sub(self._directive, self._template)
        if left := re.search(r"@(about|table|chart|median|range|least|most)\b.*", text):
            raise Mistake(f"not understood: {left[0]}")
        return text

    def charts(self):
        """{file name: SVG}, once text() was asked for."""
        return self._charts

    def _directive(self, found):
        word, (name, *settings) = found[1], shlex.split(found[2])
        run = self._run(name)
        if run is None:
            return f"(not measured yet: `tests/bench/report run --only {name}`)" if word in ("about", "table") else "(not measured)"
        try:
            return getattr(self, "_" + word)(run, dict(setting.split("=", 1) for setting in settings))
        except (KeyError, ValueError, IndexError) as error:
            raise Mistake(f"{found[0]}: {error!r}") from error

    def _about(self, run, _):
        text = f"> `{run['command']}`\n> on {run['date']}, {run['processor']}, {run['processors']} processors, DPDK {run['dpdk']}, {run['pages']}"
        return text + (". **A quick run that only shows that it works: its figures say little.**" if run["quick"] else "")

    def _table(self, run, how):
        keys, cell, by = how.pop("rows").split(","), how.pop("cell", None), how.pop("columns", None)
        heads = how.pop("heads", ";".join(keys)).split(";")
        names, cells = how.pop("figures", "").split(","), how.pop("cells", None)
        rows = self._rows(run, how)
        if not rows:
            return self._missing(run, f"rows of {how}")
        places = list(dict.fromkeys(tuple(str(row["of"].get(key, "")) for key in keys) for row in rows))
        firsts = list(dict.fromkeys(place[0] for place in places))
        places.sort(key=lambda place: firsts.index(place[0]))
        own = {tuple(str(row["of"].get(key, "")) for key in keys): row["figures"] for row in rows}
        if cells:
            columns = [part.split("=", 1) for part in cells.split(";")]
            heads += [head for head, _ in columns]
            cells = {place: [cell_text(form, own[place]) for _, form in columns] for place in places}
        elif by is None:
            # A unit is said once, in the head.
            units = {name: figure["unit"] for row in rows for name, figure in row["figures"].items()}
            columns = [name for name in names if name in units]
            heads += [f"{name}, {units[name]}" if units[name] not in ("", "times") else name for name in columns]
            cells = {place: [cell_text(f"{{{name}}}", own[place]) for name in columns] for place in places}
        else:
            columns = list(dict.fromkeys(row["of"][by] for row in rows))
            heads += [f"{by} {column}" if isinstance(column, int) else str(column) for column in columns]
            found = {(tuple(str(row["of"].get(key, "")) for key in keys), row["of"][by]): row["figures"] for row in rows}
            cells = {place: [cell_text(cell, found[place, column]) if (place, column) in found else "" for column in columns] for place in places}
        lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(keys) + "--:|" * len(columns)]
        return "\n".join(lines + ["| " + " | ".join([*place, *cells[place]]) + " |" for place in places])

    def _chart(self, run, how):
        file, kind, title = how.pop("file"), how.pop("kind", "bars"), how.pop("title")
        x, x_label, y_label, log = how.pop("x"), how.pop("x_label", ""), how.pop("y_label"), how.pop("log", "") == "yes"
        names, key, one = how.pop("figures", ""), how.pop("series", None), how.pop("figure", None)
        rows = [(x.format_map(row["of"]) if "{" in x else row["of"][x], row) for row in self._rows(run, how)]
        places = list(dict.fromkeys(place for place, _ in rows))
        series = {}
        for place, row in rows:
            for name in [one] if key else names.split(","):
                figure = _part_of(row["figures"], name)
                if figure:
                    series.setdefault(str(row["of"][key]) if key else name.replace(":", ", "), {})[place] = figure
        drawn = chart.Chart(title, x_label, y_label, sorted(places) if kind == "lines" else places,
                            [(name, points) for name, points in series.items() if points], f"{run['command']}   ({run['date']})", log)
        self._charts[f"{file}.svg"] = {"bars": drawn.bars, "lines": drawn.lines}[kind]()
        return f"![{title}]({os.path.basename(self._folder)}/{file}.svg)"

    def _figures(self, run, how):
        name = how.pop("figure")
        if not any(name in row["figures"] for row in run["rows"]):
            raise KeyError(name)
        figures = [row["figures"][name] for row in self._rows(run, how) if name in row["figures"]]
        return sorted(figures, key=lambda figure: figure["median"])

    def _median(self, run, how):
        figures = self._figures(run, dict(how))
        return text_of(figures[0]) if len(figures) == 1 else self._missing(run, f"single row of {how}")

    def _range(self, run, how):
        least, most = self._least(run, dict(how)), self._most(run, dict(how))
        return least if least == most else f"{least} to {most}"

    def _least(self, run, how):
        figures = self._figures(run, dict(how))
        return text_of(figures[0]) if figures else self._missing(run, how)

    def _most(self, run, how):
        figures = self._figures(run, dict(how))
        return text_of(figures[-1]) if figures else self._missing(run, how)

    @staticmethod
    def _missing(run, what):
        """A quick run may have less than the page asks for."""
        if run["quick"]:
            return "-"
        raise Mistake(f"{run['bench']} has no {what}")
