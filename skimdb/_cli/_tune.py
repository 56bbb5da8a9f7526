"""``skimdb tune``: search for the best network and training, test it and save it."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from skimdb._cli._options import (
    Data,
    LabelColumn,
    NumWords,
    Seed,
    TextColumn,
    parsed_epochs,
    parsed_units,
)
from skimdb._cli._terminal import console, load_tensorflow, note, warnings_as_lines

DEFAULT_FOLDER = Path("skimdb-tune")
DEFAULT_UNITS = ["16,16", "64,16"]


def tune(
    ctx: typer.Context,
    data: Data = "sample",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    num_words: NumWords = 10_000,
    units: Annotated[
        list[str],
        typer.Option(metavar="N,N,…", help="Width of each hidden layer. May be repeated."),
    ] = DEFAULT_UNITS,
    batch_size: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default="two that suit the number of rows",
            help="Rows for each step of the optimizer. May be repeated.",
        ),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,…",
            show_default="four that suit the number of rows",
            help="Passes over the training rows.",
        ),
    ] = None,
    cv: Annotated[int, typer.Option(min=2, metavar="N", help="Number of folds.")] = 3,
    halving: Annotated[
        bool,
        typer.Option(
            "--halving",
            help="Train all candidates for the smallest number of epochs, the best third of them "
            "for three times as many, and so on up to the largest.",
        ),
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=-1, metavar="N", help="Number of processes; -1 is one a core.")
    ] = 1,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="Go on with the search that was begun in DIR, with its options.",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            show_default=False,
            help="Search on the Dask cluster whose scheduler is at ADDRESS.",
        ),
    ] = None,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = DEFAULT_FOLDER,
) -> None:
    """Search for the best units, batch size and epochs, and save the model trained with them.

    Each candidate is trained and tested on folds of the training rows; the
    best is then trained on all of them and tested on the test rows, as by
    `skimdb train`. Shows the candidates, best first, with their accuracy
    (mean and standard deviation over the folds) and the time it took to fit
    them beyond what was there already. Writes what `skimdb train` writes,
    all figures (results.csv) and their picture (search.png).

    Training states are kept in DIR/states: each epoch is trained once for
    all candidates, and a search that was cut off goes on by --resume DIR.
    Machines of a cluster need to see DIR at the same path to share them.
    Once the search is done they may be deleted.

    \b
    Examples:
      skimdb tune
      skimdb tune --data imdb --epochs 2,3,4,6 --jobs 2 --out my-search
      skimdb tune --units 16,16 --units 64 --batch-size 8 --epochs 2,6 --halving
      skimdb tune --resume my-search
    """
    from skimdb._cli._files import check_output_folder
    from skimdb._cli._search import dask_client
    from skimdb._cli._search_request import check_no_search, data_name, read_request, resumed

    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = {name for name, source in sources.items() if source and source.name != "DEFAULT"}
    _check_usage(given, jobs)
    request = {
        "data": data_name(data),
        "text_column": text_column,
        "label_column": label_column,
        "num_words": num_words,
        "units": list(dict.fromkeys(map(parsed_units, units))),
        "batch_size": sorted(set(batch_size)) if batch_size else None,
        "epochs": parsed_epochs(epochs) if epochs is not None else None,
        "cv": cv,
        "halving": halving,
        "seed": seed,
    }
    folder, begun = resume or out, None
    if resume is None:
        check_no_search(folder)
    else:
        begun = read_request(folder)
        request = resumed(begun, request, given, folder)
    check_output_folder(folder)
    with warnings_as_lines(), dask_client(dask) as client:
        _tune(request, begun, folder, jobs=jobs, dask=client)


def _check_usage(given, jobs):
    for one, other in (("out", "resume"), ("jobs", "dask")):
        if {one, other} <= given:
            raise typer.BadParameter(f"does not go with --{other}.", param_hint=f"'--{one}'")
    if not jobs:
        raise typer.BadParameter("expected at least 1, or -1, got 0.", param_hint="'--jobs'")


def _tune(request, begun, folder, *, jobs, dask):
    from skimdb import multi_hot_pipeline
    from skimdb._cli._data import TRAINING
    from skimdb._cli._search import n_fits, run_search, searched
    from skimdb._cli._training import encoded, part_figures

    started = perf_counter()
    split, request = _loaded(request, begun, folder)
    pipeline = multi_hot_pipeline(
        text=True,
        num_words=request["num_words"],
        memory=(folder / "states").absolute(),
        random_state=request["seed"],
    )
    matrices = encoded(pipeline, split)
    tuned, X = searched(pipeline, split, matrices)
    seconds = {"load": perf_counter() - started}

    load_tensorflow()
    loaded = perf_counter()
    y = split.parts[TRAINING].y
    note(f"Searching by {n_fits(request):,} fits to {len(y):,} reviews.")
    try:
        search = run_search(tuned, X, y, request, folder=folder, jobs=jobs, dask=dask)
    except KeyboardInterrupt:
        note(f"To go on: skimdb tune --resume {folder}")
        raise
    # the model does not depend on the folder of its search
    classifier = search.best_estimator_["classifier"].set_params(memory=None)
    pipeline.set_params(classifier=classifier)
    seconds["search"] = perf_counter() - loaded
    figures = part_figures(classifier, split, matrices)
    seconds["total"] = perf_counter() - started
    _report(folder, pipeline, search, request, figures=figures, seconds=seconds)


def _loaded(request, begun, folder):
    """Load the reviews, check that a search may go on with them, or keep what one begins with."""
    from skimdb._cli._data import TRAINING, Source
    from skimdb._cli._search_request import (
        SOURCE,
        check_same_rows,
        completed,
        digest_of,
        write_request,
    )

    source = Source(*(request[name] for name in SOURCE))
    split = source.split(num_words=request["num_words"], n_validation=0, seed=request["seed"])
    rows = digest_of(split)
    if begun is not None:
        check_same_rows(begun, rows, folder)
    else:
        request = {**completed(request, split.parts[TRAINING].y), "rows": rows}
        write_request(folder, request)
    return split, request


def _report(folder, pipeline, search, request, *, figures, seconds):
    """Write and print what the search has found."""
    from skimdb._cli._outcome import figures_table, metrics_of, write_outcome
    from skimdb._cli._search_results import (
        RESULTS_FILE,
        best_options,
        candidates_table,
        results_csv,
        search_png,
    )

    results, classifier = search.cv_results_, pipeline["classifier"]
    metrics = metrics_of(
        pipeline,
        data={
            "source": request["data"],
            "text_column": request["text_column"],
            "label_column": request["label_column"],
            "seed": request["seed"],
        },
        search={
            "cv": request["cv"],
            "halving": request["halving"],
            "candidates": len(results["params"]),
            "accuracy": float(search.best_score_),
        },
        figures=figures,
        seconds=seconds,
    )
    more = {RESULTS_FILE: results_csv(results), "search.png": search_png(search)}
    write_outcome(folder, pipeline, classifier.history_, metrics, more)
    terminal = console()
    terminal.print(candidates_table(results))
    terminal.print(f"Best, trained on all training rows: {best_options(search)}")
    terminal.print(figures_table(figures))
