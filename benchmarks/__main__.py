"""The command line of the benchmarks."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks import encode, fit, leak, load, predict, scale, search
from benchmarks._data import store
from benchmarks._machine import machine, versions
from benchmarks._measure import ChildError, Options, run_group
from benchmarks._report import print_group, progress, write_json

SUBCOMMANDS = {
    "fit": fit,
    "search": search,
    "predict": predict,
    "encode": encode,
    "load": load,
    "scale": scale,
    "leak": leak,
}

app = typer.Typer(
    help="Measure skimdb beside its peers, on the same work, in the same run.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Data(StrEnum):
    """Where the reviews come from."""

    imdb = "imdb"
    made = "made"


def _add(name, module):
    @app.command(name, help=module.__doc__)
    def command(
        data: Annotated[
            Data, typer.Option(help="IMDB's reviews by fetch_imdb, or made ones.")
        ] = Data.imdb,
        json: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Write every single time there.")
        ] = None,
        repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Number of rounds.")] = 5,
        quick: Annotated[
            bool, typer.Option(help="Shrink all work to seconds, to see that it runs.")
        ] = False,
        others: Annotated[
            bool, typer.Option(help="Let the slow peers join where they need not (fit, leak).")
        ] = False,
    ):
        options = Options(data.value, repeat, quick, others)
        try:
            results = run(name, module, options, json)
        except (ChildError, OSError) as error:
            print(f"Error: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        if any("error" in row for group in results["groups"] for row in group["rows"]):
            raise typer.Exit(1)


def run(name, module, options, path=None):
    """Measure all groups of a subcommand; print each, and write them, as soon as it is done."""
    results = {
        "benchmark": name,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": options.data,
        "repeat": options.repeat,
        "quick": options.quick,
        "machine": machine(),
        "versions": versions(),
        "groups": [],
    }
    if path is not None:
        # a file that can't be written is better known before the work than after
        write_json(path, results)
    with TemporaryDirectory(prefix="skimdb-benchmarks-") as folder:
        with progress("the data"):
            store(Path(folder), options, module.PARTS)
        for group in module.groups(options):
            with progress(group.title) as show:
                rows = run_group(group, folder=Path(folder), options=options, progress=show)
            print_group(group, rows)
            results["groups"].append(
                {"title": group.title, "work": group.work, "measure": group.measure, "rows": rows}
            )
            if path is not None:
                write_json(path, results)
    return results


for _name, _module in SUBCOMMANDS.items():
    _add(_name, _module)

if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
