"""``skimdb report``: a report on a saved model as one file for a browser."""

from pathlib import Path
from typing import Annotated

import typer

from skimdb._cli._shared._model_folder import find_model, read_model
from skimdb._cli._shared._options import (
    AllRows,
    Delimiter,
    Encoding,
    Header,
    LabelColumn,
    LabelSeparator,
    Model,
    OnError,
    TestData,
    TextColumn,
)
from skimdb._cli._shared._paths import HTML_SUFFIXES, check_data, check_output_file
from skimdb._cli._shared._terminal import NOTHING_WRITTEN, explain_ctrl_c, print_paragraph


def report(
    model: Model,
    data: TestData = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    label_separator: LabelSeparator = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    header: Header = "infer",
    on_error: OnError = "raise",
    all_rows: AllRows = False,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write (.html).")] = Path(
        "report.html"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace the file of --out.")] = False,
) -> None:
    """Write a report on a model: its figures, curves, words and errors, for a browser.

    It is one HTML file that needs nothing else and loads nothing. It shows
    the rows, the figures about the predictions for them, the confusion
    matrix, ROC, precision-recall and training curves, calibration, the words
    that speak for each label, the wrong predictions with the most
    confidence, the parameters and the versions.

    Texts of the rows stand in it: share it only with those who may read
    them.

    The rows are those that `skimdb evaluate` takes with the same options:
    without --data, those that were held out of the training.

    \b
    Examples:
      skimdb report skimdb-model
      skimdb report my-model --data more_texts.csv --out more_texts.html
      skimdb report my-model --force
    """
    find_model(model)
    if data is not None:
        check_data(data)
    check_output_file(
        out, None if data is None else Path(data), suffixes=HTML_SUFFIXES, force=force
    )

    with explain_ctrl_c(NOTHING_WRITTEN):
        import numpy as np

        from skimdb import write_report
        from skimdb._cli._shared._data import Source
        from skimdb._cli._shared._test_rows import TestRows

        columns = text_column, label_column, label_separator
        given = Source(data or "", *columns, delimiter, encoding, header, on_error)
        pipeline = read_model(model)
        rows = TestRows(pipeline, model, given, all_rows=all_rows)
        # arrays of objects, for others are as wide as the longest text
        X, y = rows.collect(lambda X, y: (np.asarray(X, dtype=object), y))
        y = y if y.ndim == 2 else pipeline.classes_[y]
        write_report(rows.predictor, out, X, y, source=rows.describe(len(y)))
    print_paragraph(f"Wrote {out}, about {rows.describe(len(y))}.")
