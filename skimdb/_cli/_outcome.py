"""What training ends in: figures, files, and a table."""

from skimdb._cli._terminal import installed_version, note

DISTRIBUTIONS = ("skimdb", "numpy", "scipy", "scikit-learn", "scikeras", "keras", "tensorflow")


def metrics_of(pipeline, *, data, figures, seconds, **more):
    """Return what metrics.json says of a trained pipeline."""
    classifier = pipeline["classifier"]
    names = ("units", "epochs", "batch_size", "random_state")
    return {
        "data": data,
        "labels": classifier.classes_.tolist(),
        "parameters": {
            "num_words": pipeline["vectorizer"].num_words,
            **{name: getattr(classifier, name) for name in names},
        },
        **more,
        "figures": figures,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "versions": {name: installed_version(name) for name in DISTRIBUTIONS},
    }


def write_outcome(folder, pipeline, history, metrics, more=None):
    """Write the model, its history as figures and as curves, its metrics, and more files."""
    from skimdb._cli._files import (
        METRICS_FILE,
        MODEL_FILE,
        curves_bytes,
        json_bytes,
        model_bytes,
        write_files,
    )

    contents = {
        MODEL_FILE: model_bytes(pipeline),
        "history.json": json_bytes(history),
        "curves.png": curves_bytes(history),
        METRICS_FILE: json_bytes(metrics),
        **(more or {}),
    }
    write_files(folder, contents)
    note(f"Wrote {', '.join(contents)} to {folder}.")


def figures_table(figures):
    """Return a table of rows, loss and accuracy of each part of the data."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Reviews")
    for name in ("Rows", "Loss", "Accuracy"):
        table.add_column(name, justify="right")
    for name, part in figures.items():
        table.add_row(
            name.capitalize(),
            f"{part['rows']:,}",
            f"{part['loss']:.4f}",
            f"{part['accuracy']:.4f}",
        )
    return table
