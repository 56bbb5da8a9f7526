"""Compare accuracy, time and size of the models on five corpora with those of tuned peers."""

import json
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from tempfile import mkdtemp
from time import perf_counter

from benchmarks._measure import (
    Contender,
    Group,
    UsageError,
    Work,
    describe_job,
    peak_mb,
    run_child,
)
from benchmarks._text_contenders import RECIPES, choose_settings

PARTS = ()
N_FOLDS, N_TUNING_FOLDS = 10, 3
N_QUICK_ROWS = 300
N_PREDICTIONS = 1000
MADE_LENGTH = 50
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Corpus:
    """What to know about a corpus before it is read."""

    title: str
    n_classes: int = 2
    has_split: bool = True
    is_large: bool = False


CORPORA = {
    "imdb": Corpus("IMDB, film reviews", is_large=True),
    "mr": Corpus("MR, sentences of film reviews", has_split=False),
    "subj": Corpus("Subj, subjective and objective sentences", has_split=False),
    "trec": Corpus("TREC, questions", 6),
    "r8": Corpus("R8, news", 8),
}


def groups(options):
    """Return a group for each corpus."""
    names = options.corpus or tuple(CORPORA)
    contenders = _find_contenders(options)
    if options.data != "made":
        _check_files(options.corpora, names)
    return [_describe_group(name, contenders, options) for name in names]


def summarize(groups):
    """Return a row for each contender: its mean accuracies, and its mean rank among them.

    A contender that failed on a corpus has no rank, and the others are ranked without it.
    """
    titles = [group["title"] for group in groups]
    accuracies = {}
    for group in groups:
        for row in group["rows"]:
            value = None if "error" in row else mean(row["figures"]["accuracy"])
            accuracies.setdefault(row["name"], []).append(value)
    complete = [values for values in accuracies.values() if None not in values]
    columns = [*zip(*complete, strict=True)]
    return [
        {
            "name": name,
            "rank": None if None in values else mean(map(_rank, values, columns)),
            "accuracy": dict(zip(titles, values, strict=True)),
        }
        for name, values in accuracies.items()
    ]


def fit_contender(context, contender, corpus, source, corpora, quick):
    """Job: import a contender and fit it to texts; score it on others.

    The seed is the number of the fold, too, if the corpus has no split of its own.
    """
    recipe, described = RECIPES[contender], CORPORA[corpus]
    fold = 0 if described.has_split else context.seed
    _store_corpus(context, corpus, source, corpora, quick)
    choice = _choose_once(context, contender, corpus, quick)
    chosen = choice["chosen"]
    texts, y = _load(context, corpus, fold, "train")

    def run():
        model = recipe.make(context.seed, **chosen)
        started = perf_counter()
        model.fit(texts, y)
        return model, perf_counter() - started

    def figures(result):
        model, fit_seconds = result
        usage = resource.getrusage(resource.RUSAGE_SELF)
        from sklearn.metrics import accuracy_score, f1_score

        test_texts, y_test = _load(context, corpus, fold, "test")
        predicted = model.predict(test_texts)
        some = (test_texts * (N_PREDICTIONS // len(test_texts) + 1))[:N_PREDICTIONS]
        path = Path(mkdtemp(dir=context.folder), "model")
        recipe.save(model, path)
        return {
            "peak_mb": peak_mb(usage),
            "accuracy": float(accuracy_score(y_test, predicted)),
            "macro_f1": float(f1_score(y_test, predicted, average="macro")),
            "fit_seconds": fit_seconds,
            "predict_ms": 1e3 * median(_time(model.predict, some) for _ in range(3)),
            "model_mb": path.stat().st_size / 1e6,
            "settings": _format_settings(chosen),
            "tuning_seconds": choice["seconds"] if recipe.has_choice else 0,
        }

    return Work(run, figures)


def choose(context, contender, corpus, quick, path):
    """Job: choose the settings of a contender on the training part of the first fold; write them.

    A contender without a choice is fitted, so that its kernels are compiled and its files are in
    memory when another process is measured.
    """

    def run():
        from threadpoolctl import threadpool_limits

        recipe, described = RECIPES[contender], CORPORA[corpus]
        texts, y = _load(context, corpus, 0, "train")
        chosen = {"settings": {}, "features_settings": {}}
        started = perf_counter()
        if recipe.has_choice:
            n_folds = 1 if described.is_large or recipe.is_slow else N_TUNING_FOLDS
            # on a busy machine, threads that wait for each other multiply the time of small fits
            with threadpool_limits(1):
                chosen = choose_settings(recipe, texts, y, n_folds, quick)
        else:
            recipe.make(0, **chosen).fit(texts, y)
        result = {"chosen": chosen, "seconds": perf_counter() - started}
        Path(path).write_text(json.dumps(result), encoding="utf-8")

    return Work(run)


def write_corpus(context, corpus, source, corpora, quick):
    """Job: write the texts and labels of the training and test part of each fold."""

    def run():
        import numpy as np
        from sklearn.model_selection import StratifiedKFold

        described = CORPORA[corpus]
        splits = SPLITS if described.has_split else (None,)
        parts = []
        for split in splits:
            texts, y = _read(corpus, split, source, corpora)
            # the files are sorted by class
            order = np.random.default_rng(0).permutation(len(y)) if quick else np.arange(len(y))
            rows = order[: N_QUICK_ROWS if quick else None]
            parts.append([(texts[row], y[row]) for row in rows])
        if described.has_split:
            folds = [parts]
        else:
            [rows] = parts
            labels = [label for _, label in rows]
            splitter = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
            folds = [
                [[rows[i] for i in part] for part in fold] for fold in splitter.split(rows, labels)
            ]
        for number, fold in enumerate(folds):
            for split, part in zip(SPLITS, fold, strict=True):
                path = _corpus_path(context, corpus, number, split)
                path.write_text(json.dumps([*zip(*part, strict=True)]), encoding="utf-8")

    return Work(run)


def _find_contenders(options):
    """Return the names of the contenders whose packages are installed; print which are not."""
    names = []
    for name in options.contender or RECIPES:
        recipe = RECIPES[name]
        if recipe.is_installed:
            names.append(name)
            continue
        print(
            f"{recipe.title} is left out: it needs `pip install {recipe.package}`.",
            file=sys.stderr,
        )
    if not names:
        raise UsageError("there is no contender left.")
    return names


def _check_files(folder, names):
    """Raise unless the folder has the files of the corpora."""
    for name in names:
        if name == "imdb":
            continue
        if folder is None:
            raise UsageError(
                f"the corpus {name} needs a folder of corpora: set --corpora or SKIMDB_CORPORA, "
                "or choose --corpus imdb."
            )
        for split in SPLITS if CORPORA[name].has_split else (None,):
            path = _source_path(folder, name, split)
            if not path.is_file():
                raise UsageError(f"the corpus {name} needs the file {path}.")


def _describe_group(corpus, contenders, options):
    described = CORPORA[corpus]
    n_rounds = options.repeat
    if described.has_split:
        work = f"{described.title}; the published split"
    else:
        work = f"{described.title}; {N_FOLDS}-fold cross-validation"
        n_rounds = min(N_FOLDS, n_rounds) if options.quick else N_FOLDS

    def describe(name):
        recipe = RECIPES[name]
        bounds = {"logistic_regression": 0.5, "fasttext": 1.5} if corpus == "imdb" else {}
        has_one_round = described.has_split and not recipe.has_seed
        return Contender(
            recipe.title,
            fit_contender,
            {
                "contender": name,
                "corpus": corpus,
                "source": options.data,
                "corpora": options.corpora,
                "quick": options.quick,
            },
            at_most=bounds.get(name),
            rounds=1 if has_one_round else n_rounds,
        )

    return Group(
        corpus,
        f"{work}; the time is that of imports and fit from raw texts; * the best",
        tuple(map(describe, contenders)),
        columns=("fit_seconds", "predict_ms", "model_mb"),
        means=("accuracy", "macro_f1"),
        with_ratios=contenders[0] == "text_pipeline",
        notes=_notes,
    )


def _notes(rows):
    notes = []
    for row in rows:
        settings = row["figures"]["settings"]
        most_frequent = max(settings, key=settings.count)
        if most_frequent:
            notes.append(f"{row['name']}: {most_frequent}")
    return notes


def _rank(value, values):
    """Return the rank of a value among all, from 1; equal values share the mean of their ranks."""
    return sum(other > value for other in values) + (values.count(value) + 1) / 2


def _store_corpus(context, corpus, source, corpora, quick):
    if not _corpus_path(context, corpus, 0, "test").exists():
        parameters = {"corpus": corpus, "source": source, "corpora": corpora, "quick": quick}
        # in another process, whose memory is not measured
        run_child([describe_job(write_corpus, **parameters)], folder=context.folder)


def _choose_once(context, contender, corpus, quick):
    """Return the settings for a corpus, and the seconds to choose them on the first fold."""
    path = context.folder / f"{corpus}-{contender}.json"
    if not path.exists():
        parameters = {"contender": contender, "corpus": corpus, "quick": quick}
        run_child([describe_job(choose, path=str(path), **parameters)], folder=context.folder)
    return json.loads(path.read_text(encoding="utf-8"))


def _corpus_path(context, corpus, fold, split):
    return context.folder / f"{corpus}-{fold}-{split}.json"


def _load(context, corpus, fold, split):
    """Return the texts and labels of a part of a fold."""
    return json.loads(_corpus_path(context, corpus, fold, split).read_text(encoding="utf-8"))


def _read(corpus, split, source, folder):
    """Return the texts and labels of a part of a corpus, or of all of it."""
    if source == "made":
        return _make_texts(CORPORA[corpus].n_classes, seed=int(split == "test"))
    if corpus == "imdb":
        from skimdb.datasets import fetch_imdb

        texts, y = fetch_imdb(subset=split, as_text=True, return_X_y=True)
        return texts.tolist(), y.tolist()
    lines = _source_path(folder, corpus, split).read_text(encoding="utf-8").split("\n")
    rows = [line.split("\t", 1) for line in lines[1:] if line]
    return [text for _, text in rows], [label for label, _ in rows]


def _source_path(folder, corpus, split):
    return Path(folder, f"{corpus}.tsv" if split is None else f"{corpus}_{split}.tsv")


def _make_texts(n_classes, seed):
    """Return generated texts: a sentiment, and a word for the topic."""
    import numpy as np

    from skimdb.datasets import make_reviews

    X, y = make_reviews(2_000, n_words=10_000, random_state=seed)
    topics = np.random.default_rng(seed).integers(n_classes // 2, size=len(y))
    texts = [
        " ".join([f"topic{topic}", *(f"word{i}" for i in ids[1:MADE_LENGTH].tolist())])
        for topic, ids in zip(topics, X, strict=True)
    ]
    return texts, (2 * topics + y).astype(int).tolist()


def _format_settings(chosen):
    settings = {**chosen["features_settings"], **chosen["settings"]}
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _time(function, *arguments):
    started = perf_counter()
    function(*arguments)
    return perf_counter() - started
