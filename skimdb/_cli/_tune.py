"""``skimdb tune``: search for the best network and training, test it and save it."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.filesize import decimal

from skimdb._cli._shared._options import (
    ARTICLE,
    BALANCED,
    ClassWeight,
    Data,
    Delimiter,
    Encoding,
    Force,
    Header,
    LabelColumn,
    LabelSeparator,
    ModelName,
    NumWords,
    OnError,
    Seed,
    TextColumn,
    check_label_separator,
    parse_batch_sizes,
    parse_epochs,
    parse_units,
    resolve_num_words,
)
from skimdb._cli._shared._paths import check_data, check_folder, resolve_data
from skimdb._cli._shared._search_folder import (
    FIXED_OPTIONS,
    ROWS_HASH,
    SOURCE_OPTIONS,
    check_no_search,
    check_same_rows,
    read_request,
    resume_request,
)
from skimdb._cli._shared._terminal import (
    NOTHING_WRITTEN,
    console,
    print_command,
    print_note,
    print_paragraph,
)

DEFAULT_FOLDER = Path("skimdb-tune")
# what a search keeps of its candidates, in its folder: training states, or scores
STATES, SCORES = "states", "scores"


def tune(
    ctx: typer.Context,
    data: Data = "sample",
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_separator: LabelSeparator = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    header: Header = "infer",
    on_error: OnError = "raise",
    model: ModelName = "text",
    num_words: NumWords = None,
    units: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N,N,…",
            show_default="8 and 16 per class, at most 128, with --halving also 32; "
            "article: 16,16 and 64,16",
            help="Widths of the hidden layers of one network. Repeat it for other networks.",
        ),
    ] = None,
    batch_size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N,N,…",
            show_default="one that suits the number of rows; article: two",
            help="Rows per step of the optimizer. May be repeated.",
        ),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,…",
            show_default="three that suit the number of rows, with --halving two; article: four",
            help="Passes over the training rows.",
        ),
    ] = None,
    class_weight: ClassWeight = "none",
    cv: Annotated[int, typer.Option(min=2, metavar="N", help="Number of folds.")] = 3,
    halving: Annotated[
        bool,
        typer.Option(
            "--halving",
            help="Train all candidates for the smallest number of epochs, the best third of them "
            "for three times as many, and so on up to the largest number.",
        ),
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=-1, metavar="N", help="Number of processes; -1 for one per core.")
    ] = 1,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="Resume the search that was started in DIR, with its options.",
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
    force: Force = False,
) -> None:
    """Search for the best units, batch size and epochs, and save the model trained with them.

    Each candidate is trained and tested on folds of the training rows. With
    --model text, each fold learns n-grams and their weights from its own
    training rows. The best candidate is then trained on all rows and tested
    on the test rows, as by `skimdb train`. Shows the candidates, the best
    first, with their accuracy (mean and standard deviation over the folds)
    and the time of the fit, without the epochs that were trained before.
    Writes the same files as `skimdb train`, all results (results.csv) and
    their plot (search.png).

    An interrupted search continues with --resume DIR. With --model text it
    keeps the score of each candidate on each fold in DIR/scores. With --model
    article it keeps training states in DIR/states, so that each epoch is
    trained only once for all candidates. The machines of a cluster share
    these if DIR has the same path on all of them. At the end, it tells how
    large they are, and how to delete them.

    \b
    Examples:
      skimdb tune
      skimdb tune --data imdb --epochs 2,3,5 --jobs 2
      skimdb tune --units 16 --units 64,16 --batch-size 32,64
      skimdb tune --model article --halving --out my-search
      skimdb tune --resume my-search
    """
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = {name for name, source in sources.items() if source and source.name != "DEFAULT"}
    _check_usage(given, jobs)
    folder, saved = resume or out, None
    if resume is not None:
        saved = read_request(folder)
        model = model if "model" in given else saved["model"]
    request = {
        "data": resolve_data(data),
        "text_column": text_column,
        "label_column": label_column,
        "label_separator": label_separator,
        "delimiter": delimiter,
        "encoding": encoding,
        "header": header,
        "on_error": on_error,
        "model": model,
        "num_words": resolve_num_words(model, num_words),
        "units": list(dict.fromkeys(map(parse_units, units))) if units else None,
        "batch_size": parse_batch_sizes(batch_size) if batch_size else None,
        "epochs": parse_epochs(epochs) if epochs is not None else None,
        "class_weight": class_weight,
        "cv": cv,
        "halving": halving,
        "seed": seed,
    }
    if saved is not None:
        request = resume_request(saved, request, given, folder)
    elif not force:
        check_no_search(folder)
    check_label_separator(request["label_separator"], request["data"], request["class_weight"])
    check_data(data if saved is None else request["data"])
    check_folder(folder)
    can_resume = saved is not None
    try:
        with _connect(dask) as client:
            started = perf_counter()
            split, request = _start(request, saved, folder, force=force)
            can_resume = True
            _tune(split, request, folder, started=started, jobs=jobs, dask=client)
    except KeyboardInterrupt:
        if not can_resume:
            raise KeyboardInterrupt(NOTHING_WRITTEN) from None
        options = ["--jobs", jobs] if jobs != 1 else []
        words = ("skimdb", "tune", "--resume", folder, *options)
        print_command("To continue", *words, stderr=True)
        raise


def _check_usage(given, jobs):
    for one, other in (("out", "resume"), ("jobs", "dask")):
        if {one, other} <= given:
            raise typer.BadParameter(f"can't be used with --{other}.", param_hint=f"'--{one}'")
    if not jobs:
        raise typer.BadParameter("expected at least 1, or -1, got 0.", param_hint="'--jobs'")


def _connect(address):
    """Return a client of the Dask cluster at an address, to close by ``with``; None for None."""
    if address is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            "--dask needs the package distributed: pip install 'skimdb[dask]'."
        ) from None
    return Client(address)


def _start(request, saved, folder, *, force):
    """Load the texts; save the options of a new search, or check that the texts are the same."""
    from skimdb._cli._shared._data import TRAINING
    from skimdb._cli._shared._output_folder import check_output_folder
    from skimdb._cli._shared._search_request import complete_request, hash_rows, write_request

    # the folder of a search may hold the model that it ended with
    recipe = {"command": "tune", "data": {}, "options": {}} if saved else _make_recipe(request)
    check_output_folder(folder, recipe, force=force)
    source = _make_source(request)
    split = source.split(num_words=request["num_words"], n_validation=0, seed=request["seed"])
    rows_hash = hash_rows(split)
    if saved is not None:
        check_same_rows(saved, rows_hash, folder)
    else:
        request = {**complete_request(request, split.parts[TRAINING].y), ROWS_HASH: rows_hash}
        write_request(folder, request)
    return split, request


def _tune(split, request, folder, *, started, jobs, dask):
    from skimdb._cli._shared._data import TRAINING, score_parts
    from skimdb._cli._shared._models import build_pipeline, encode_sequences, encode_texts
    from skimdb._cli._shared._search import count_fits, run_search
    from skimdb._cli._shared._search_data import make_search_data

    pipeline = build_pipeline(
        request["model"],
        num_words=request["num_words"],
        class_weight=request["class_weight"],
        memory=(folder / STATES).absolute() if request["model"] == ARTICLE else None,
        random_state=request["seed"],
    )
    print_note(f"Encoding the texts, for {request['cv']} folds.")
    sequences = encode_texts(pipeline["encoder"], split)
    matrices = encode_sequences(pipeline, split, sequences)
    search_data = make_search_data(
        request, pipeline, split, sequences, matrices, (folder / SCORES).absolute()
    )
    seconds = {"load": perf_counter() - started}

    search_started = perf_counter()
    y = split.parts[TRAINING].y
    print_note(f"Searching with {count_fits(request):,} fits on {len(y):,} texts.")
    search = run_search(search_data, request, folder=folder, jobs=jobs, dask=dask)
    pipeline.set_params(**search.best_params_)
    classifier = pipeline["classifier"].fit(matrices[TRAINING], y)
    # the model must not depend on the folder of its search
    classifier.set_params(memory=None)
    seconds["search"] = perf_counter() - search_started
    scores, probabilities = score_parts(classifier, split, matrices)
    seconds["total"] = perf_counter() - started
    _report(
        *(folder, pipeline, search, request),
        scores=scores,
        seconds=seconds,
        split=split,
        probabilities=probabilities,
    )


def _make_recipe(request):
    """Return what the model is made from, as metrics.json keeps it."""
    options = {name: request[name] for name in FIXED_OPTIONS if name != "seed"}
    data = {**_make_source(request).describe(), "seed": request["seed"]}
    return {"command": "tune", "data": data, "options": options}


def _make_source(request):
    from skimdb._cli._shared._data import Source

    return Source(**{name: request[name] for name in SOURCE_OPTIONS})


def _report(folder, pipeline, search, request, *, scores, seconds, split, probabilities):
    """Write and print the results of the search."""
    from skimdb._cli._shared._data import TEST
    from skimdb._cli._shared._figures import print_figures, print_remarks
    from skimdb._cli._shared._output_folder import (
        collect_metrics,
        make_report_writer,
        print_written,
        write_results,
    )
    from skimdb._cli._shared._search import (
        RESULTS_FILE,
        best_options,
        candidates_table,
        draw_search,
        write_candidates,
    )

    results, classifier = search.cv_results_, pipeline["classifier"]
    metrics = collect_metrics(
        pipeline,
        model=request["model"],
        **_make_recipe(request),
        search={
            "cv": request["cv"],
            "halving": request["halving"],
            "candidates": len(results["params"]),
            "accuracy": float(search.best_score_),
        },
        scores=scores,
        seconds=seconds,
        text_column=split.text_column,
    )
    more = {
        RESULTS_FILE: partial(write_candidates, results),
        "search.png": partial(draw_search, search),
    }
    history = classifier.history_
    report = make_report_writer(pipeline, _make_source(request), split, probabilities)
    names = write_results(
        folder, pipeline, history, metrics, report, more, held_out=split.held_out
    )
    terminal = console()
    terminal.print(candidates_table(results))
    best = best_options(search, request)
    # to copy
    terminal.print(f"\nBest, trained on all training rows: {best}\n", soft_wrap=True)
    print_figures(scores)
    can_balance = request["class_weight"] != BALANCED and request["label_separator"] is None
    print_remarks(scores[TEST], advise_balanced=can_balance)
    print_written(folder, names)
    for kept in (folder / STATES, folder / SCORES):
        if kept.is_dir():
            size = decimal(sum(file.stat().st_size for file in kept.iterdir()))
            print_paragraph(f"To free {size}, which only --resume needs, delete {kept}.")
