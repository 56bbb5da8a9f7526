"""``skimdb evaluate``: figures about a saved model on labelled texts."""

import json
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
from skimdb._cli._shared._paths import check_data
from skimdb._cli._shared._terminal import print_paragraph


def evaluate(
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all figures as one JSON object.")
    ] = False,
) -> None:
    """Print figures about a model's predictions for labelled texts.

    Without --data, opens the file that the model was trained on and tests it
    on the rows that were held out: the figures are those that `skimdb train`
    printed. The same happens with --data if all held-out rows are in that
    file. Any other file is taken to hold test rows alone.

    Shows loss and accuracy, precision, recall and F1 of each label, and
    which labels are mistaken for which. Notes say where the rows are too few
    to tell, or where the model is of little use.

    \b
    Examples:
      skimdb evaluate skimdb-model
      skimdb evaluate skimdb-model --data imdb
      skimdb evaluate my-model --data more_texts.csv --label-column stars
      skimdb evaluate my-model --data mails.csv --all-rows --json
    """
    find_model(model)
    if data is not None:
        check_data(data)

    from skimdb._cli._shared._data import Source
    from skimdb._cli._shared._figures import print_figures, print_remarks
    from skimdb._cli._shared._test_rows import TestRows
    from skimdb._evaluation._figures import score_test_rows

    columns = text_column, label_column, label_separator
    given = Source(data or "", *columns, delimiter, encoding, header, on_error)
    rows = TestRows(read_model(model), model, given, all_rows=all_rows)
    y, probabilities = rows.collect(lambda X, y: (y, rows.predictor.predict_proba(X)))
    figures = score_test_rows(y, probabilities, rows.labels)
    if as_json:
        about = {"data": rows.source.data, "held_out": rows.are_held_out, "labels": rows.labels}
        print(json.dumps({**about, **figures}))
    else:
        print_paragraph(f"Tested on {rows.describe(len(y))}:\n")
        print_figures({"test": figures}, where="the output of --json")
    print_remarks(figures)
