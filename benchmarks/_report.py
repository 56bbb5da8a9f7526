"""The results, as tables on the terminal and as a JSON file."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median

# where the output goes to a file or a pipe, which have no width
WIDTH = 120
HEADINGS = {
    "best_score": "best score",
    "growth_mb": "growth, MB",
    "nonzeros": "non-zeros",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "scores_crc": "CRC-32 of all scores",
    "slower": "late / early",
    "threads_grown": "more threads",
    "us_per_row": "µs a row",
    "vectorise_seconds": "vectorising, s",
}


def print_group(group, rows):
    """Print a group's table and its notes."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    has_aim = any(row["at_most"] is not None for row in rows)
    columns = [name for name in group.columns if any(name in row["figures"] for row in rows)]
    console.print(f"{group.title}: {group.work}", style="bold", markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    headings = ["median time", "peak memory"]
    if group.compared and len(rows) > 1:
        of_memory = group.measure == "peak_mb"
        headings.append(f"skimdb / it{', memory' if of_memory else ''}")
        headings += ["at most"] if has_aim else []
    for heading in [*headings, *(HEADINGS.get(name, name) for name in columns)]:
        table.add_column(heading, justify="right")
    for row in rows:
        if "error" in row:
            table.add_row(row["name"], "failed")
            continue
        cells = [in_seconds(row["median_seconds"]), f"{row['median_peak_mb']:,.0f} MB"]
        if group.compared and len(rows) > 1:
            cells.append("" if row.get("ratio") is None else f"{row['ratio']:.3f}")
            cells += [_aim(row)] if has_aim else []
        cells += [_figure(name, row["figures"].get(name)) for name in columns]
        table.add_row(row["name"], *cells)
    console.print(table)
    for row in rows:
        if "error" in row:
            console.print(f"{row['name']} failed: {row['error']}", markup=False)
    if not any("error" in row for row in rows):
        for note in group.notes(rows):
            console.print(note, markup=False)


def write_json(path, results):
    """Write the results, at once or not at all."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(beside, path)


@contextmanager
def progress(message):
    """Show on stderr what is going on, if that is a terminal; yields a function to say so."""
    if not sys.stderr.isatty():
        yield lambda message: None
        return
    from rich.console import Console

    with Console(stderr=True).status(message) as status:
        yield status.update


def in_seconds(seconds):
    """Return a time in the unit that suits it."""
    for unit, name in ((1, "s"), (1e-3, "ms")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-6:.3g} µs"


def _aim(row):
    if row["at_most"] is None or row.get("ratio") is None:
        return ""
    return f"{row['at_most']:g}{'' if row['ratio'] <= row['at_most'] else ', missed'}"


def _figure(name, values):
    """Return the median of a figure, or the commonest of words."""
    values = [value for value in values or () if value is not None]
    if not values:
        return ""
    if isinstance(values[0], str):
        return max(values, key=values.count)
    middle = median(values)
    if name in ("accuracy", "best_score", "answer"):
        return f"{middle:.4f}"
    return f"{middle:,.0f}" if middle == int(middle) else f"{middle:.3g}"
