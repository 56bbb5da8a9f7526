"""The command line of the benchmarks."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks import accuracy, check, encode, fit, leak, load, predict, process, scale, search
from benchmarks._data import store
from benchmarks._machine import describe_machine, find_versions
from benchmarks._measure import ChildError, Options, UsageError, run_group
from benchmarks._report import print_group, print_summary, show_progress, write_json
from benchmarks._text_contenders import RECIPES

SUBCOMMANDS = {
    "fit": fit,
    "process": process,
    "search": search,
    "predict": predict,
    "encode": encode,
    "load": load,
    "scale": scale,
    "leak": leak,
}

app = typer.Typer(
    help="Compare skimdb with its peers on the same work in the same run.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Data(StrEnum):
    """Source of the reviews."""

    imdb = "imdb"
    made = "made"


Corpus = StrEnum("Corpus", [*accuracy.CORPORA])
TextContender = StrEnum("TextContender", [*RECIPES])

DataOption = Annotated[Data, typer.Option(help="IMDB reviews from fetch_imdb, or generated ones.")]
JsonOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the times of every round to FILE.")
]
RepeatOption = Annotated[int, typer.Option(min=1, metavar="N", help="Number of rounds.")]
QuickOption = Annotated[
    bool, typer.Option(help="Shrink all work to seconds, to check that it runs.")
]


def _add_command(name, module):
    @app.command(name, help=module.__doc__)
    def command(
        data: DataOption = Data.imdb,
        json: JsonOption = None,
        repeat: RepeatOption = 5,
        quick: QuickOption = False,
        others: Annotated[
            bool, typer.Option(help="Include the slow peers in all groups (fit, leak).")
        ] = False,
    ):
        _run_and_exit(name, module, Options(data.value, repeat, quick, others), json)


def compare_accuracy(
    data: Annotated[
        Data, typer.Option(help="The corpora, or generated texts in their place.")
    ] = Data.imdb,
    corpora: Annotated[
        Path | None,
        typer.Option(
            envvar="SKIMDB_CORPORA",
            metavar="DIR",
            help="Folder of the corpora but IMDB: mr.tsv, subj.tsv, trec_train.tsv, "
            "trec_test.tsv, r8_train.tsv, r8_test.tsv.",
        ),
    ] = None,
    corpus: Annotated[
        list[Corpus] | None, typer.Option(help="Only this corpus; may be repeated.")
    ] = None,
    contender: Annotated[
        list[TextContender] | None, typer.Option(help="Only this contender; may be repeated.")
    ] = None,
    json: JsonOption = None,
    repeat: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of seeds (imdb, trec, r8).")
    ] = 5,
    quick: QuickOption = False,
):
    options = Options(
        data.value,
        repeat,
        quick,
        corpora=None if corpora is None else str(corpora.absolute()),
        corpus=tuple(corpus or ()),
        contender=tuple(contender or ()),
    )
    _run_and_exit("accuracy", accuracy, options, json)


def check_ratios(
    json: JsonOption = None,
    repeat: RepeatOption = 5,
    quick: QuickOption = False,
    store_ratios: Annotated[
        bool,
        typer.Option("--store", help="Write the ratios to benchmarks/ratios.json instead."),
    ] = False,
):
    options = Options("made", repeat, quick, store=store_ratios)
    results = _run_and_exit("check", check, options, json)
    if store_ratios:
        check.store_ratios(results)
        return
    slower = check.find_slower(results)
    if slower:
        # another process may have taken the cores for a while
        print(f"Beyond the margin, measured again: {', '.join(slower)}.", flush=True)
        again = _run_and_exit("check", check, replace(options, titles=slower), None)
        slower = check.find_slower(again)
    if slower:
        print(
            f"Error: beyond the margin in both measurements: {', '.join(slower)}.",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def _run_and_exit(name, module, options, path):
    try:
        results = run(name, module, options, path)
    except (ChildError, OSError, UsageError) as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if any("error" in row for group in results["groups"] for row in group["rows"]):
        raise typer.Exit(1)
    return results


def run(name, module, options, path=None):
    """Measure all groups of a subcommand; print and write the results after each group."""
    results = {
        "benchmark": name,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": options.data,
        "repeat": options.repeat,
        "quick": options.quick,
        "machine": describe_machine(),
        "versions": find_versions(),
        "groups": [],
    }
    if path is not None:
        # fail before the work if the file can't be written
        write_json(path, results)
    with TemporaryDirectory(prefix="skimdb-benchmarks-") as folder:
        with show_progress("the data"):
            store(Path(folder), options, module.PARTS)
        for group in module.groups(options):
            with show_progress(group.title) as update:
                rows = run_group(group, folder=Path(folder), options=options, progress=update)
            print_group(group, rows)
            results["groups"].append(
                {"title": group.title, "work": group.work, "measure": group.measure, "rows": rows}
            )
            if path is not None:
                write_json(path, results)
    if hasattr(module, "summarize"):
        results["summary"] = module.summarize(results["groups"])
        print_summary(results["summary"])
        if path is not None:
            write_json(path, results)
    return results


for _name, _module in SUBCOMMANDS.items():
    _add_command(_name, _module)
app.command("accuracy", help=accuracy.__doc__)(compare_accuracy)
app.command("check", help=check.__doc__)(check_ratios)

if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
