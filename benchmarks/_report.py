"""Print the results as tables, and write them as JSON."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median, stdev

# for output to a file or a pipe
WIDTH = 150
HEADINGS = {
    "best_score": "best score",
    "fit_seconds": "fit alone, s",
    "growth_mb": "growth, MB",
    "macro_f1": "macro F1",
    "model_mb": "model, MB",
    "nonzeros": "non-zeros",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "predict_ms": "1,000 texts, ms",
    "scores_crc": "CRC-32 of all scores",
    "slower": "late / early",
    "threads_grown": "more threads",
    "us_per_row": "µs per row",
    "vectorize_seconds": "vectorizing, s",
}


def print_group(group, rows):
    """Print the table and the notes of a group."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    has_bound = any(row["at_most"] is not None for row in rows)
    columns = [name for name in group.columns if any(name in row["figures"] for row in rows)]
    console.print(f"{group.title}: {group.work}", style="bold", markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    headings = ["median time", "peak memory"]
    if group.with_ratios and len(rows) > 1:
        measure = ", memory" if group.measure == "peak_mb" else ""
        headings.append(f"skimdb / peer{measure}")
        headings += ["at most"] if has_bound else []
    for heading in [*headings, *(HEADINGS.get(name, name) for name in (*group.means, *columns))]:
        table.add_column(heading, justify="right")
    complete = [row["figures"] for row in rows if "error" not in row]
    means = {name: [mean(figures[name]) for figures in complete] for name in group.means}
    for row in rows:
        if "error" in row:
            table.add_row(row["name"], "failed")
            continue
        cells = [format_seconds(row["median_seconds"]), f"{row['median_peak_mb']:,.0f} MB"]
        if group.with_ratios and len(rows) > 1:
            cells.append("" if row.get("ratio") is None else f"{row['ratio']:.3f}")
            cells += [_format_bound(row)] if has_bound else []
        cells += [_format_mean(row["figures"][name], means[name]) for name in group.means]
        cells += [_format_figure(name, row["figures"].get(name)) for name in columns]
        table.add_row(row["name"], *cells)
    console.print(table)
    for row in rows:
        if "error" in row:
            console.print(f"{row['name']} failed: {row['error']}", markup=False)
    if not any("error" in row for row in rows):
        for note in group.notes(rows):
            console.print(note, markup=False)


def print_summary(rows):
    """Print the mean rank of each contender, and its mean accuracy on each corpus."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print("all corpora: mean accuracy, and the mean of the ranks by it", style="bold")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    corpora = [*rows[0]["accuracy"]]
    for heading in ("mean rank", *corpora):
        table.add_column(heading, justify="right")
    columns = {corpus: [row["accuracy"][corpus] for row in rows] for corpus in corpora}
    for row in rows:
        cells = ["" if row["rank"] is None else f"{row['rank']:.1f}"]
        for corpus, value in row["accuracy"].items():
            cells.append("" if value is None else f"{value:.4f}{_mark(value, columns[corpus])}")
        table.add_row(row["name"], *cells)
    console.print(table)


def write_json(path, results):
    """Write the results to a temporary file, and move it to the path."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(
        json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    os.replace(temporary, path)


@contextmanager
def show_progress(message):
    """Show a message on stderr if it is a terminal; yield a function that replaces it."""
    if not sys.stderr.isatty():
        yield lambda message: None
        return
    from rich.console import Console

    with Console(stderr=True).status(message) as status:
        yield status.update


def format_seconds(seconds):
    """Return a time in s, ms or µs."""
    for unit, name in ((1, "s"), (1e-3, "ms")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-6:.3g} µs"


def _format_bound(row):
    if row["at_most"] is None or row.get("ratio") is None:
        return ""
    return f"{row['at_most']:g}{'' if row['ratio'] <= row['at_most'] else ', missed'}"


def _format_mean(values, means):
    """Return the mean and the standard deviation, and a mark if it is the largest mean."""
    spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
    return f"{mean(values):.4f}{spread}{_mark(mean(values), means)}"


def _mark(value, values):
    """Return an asterisk for the largest value, and a space for the others."""
    return "*" if value == max(other for other in values if other is not None) else " "


def _format_figure(name, values):
    """Return the median of numbers, or the most frequent string."""
    values = [value for value in values or () if value is not None]
    if not values:
        return ""
    if isinstance(values[0], str):
        return max(values, key=values.count)
    middle = median(values)
    if name in ("accuracy", "best_score", "answer"):
        return f"{middle:.4f}"
    return f"{middle:,.0f}" if middle == int(middle) else f"{middle:.3g}"
