"""Compare some ratios with the stored ones, on generated reviews; fail beyond a margin."""

import json
from dataclasses import replace
from pathlib import Path

from benchmarks import encode, fit, predict, process
from benchmarks._data import load_texts
from benchmarks._measure import Contender, Group, UsageError, Work
from benchmarks._report import write_json

PARTS = ("csr", "sequences", "texts", "file")
STORED = Path(__file__).parent / "ratios.json"
# Ratios of one version of skimdb differ by up to two fifths between runs on busy machines, those
# of memory hardly.
MARGINS = {"memory": 1.2}
MARGIN = 2


def groups(options):
    """Return the groups: each compares skimdb with one peer, bounded by the stored ratio."""
    if options.store and options.quick:
        raise UsageError("--store needs the full work: leave out --quick.")
    pairs = _pairs(options)
    if options.store:
        return pairs
    stored = read_ratios()
    missing = [group.title for group in pairs if group.title not in stored]
    if missing:
        raise UsageError(f"{STORED.name} has no ratio for {missing[0]!r}. Write it with --store.")
    return [
        replace(group, contenders=(ours, replace(peer, at_most=round(margin * ratio, 3))))
        for group in pairs
        for ours, peer in [group.contenders]
        for margin, ratio in [(MARGINS.get(group.title, MARGIN), stored[group.title])]
        if group.title in (options.titles or stored)
    ]


def find_slower(results):
    """Return the titles of the groups whose ratio is beyond the margin."""
    return tuple(
        group["title"]
        for group in results["groups"]
        for row in group["rows"]
        if row["at_most"] is not None and row["ratio"] > row["at_most"]
    )


def read_ratios():
    """Return the stored ratios by the titles of their groups."""
    return json.loads(STORED.read_text(encoding="utf-8"))["ratios"]


def store_ratios(results):
    """Write the ratios of a run beside the code, with the machine and the versions."""
    ratios = {group["title"]: round(group["rows"][1]["ratio"], 3) for group in results["groups"]}
    about = {name: results[name] for name in ("started", "repeat", "machine", "versions")}
    # the commit that stores them has no name yet
    del about["versions"]["commit"]
    write_json(STORED, {**about, "ratios": ratios})


def _pairs(options):
    network = {"units": (16, 16), "epochs": 2 if options.quick else 4, "batch_size": 512}
    texts = {"n_texts": 200 if options.quick else 1000}
    calls = {"n_calls": 20 if options.quick else 300}
    whole = process.groups(options)[0]
    return [
        _pair(
            "fit",
            f"16-16-1, {network['epochs']} epochs",
            Contender("skimdb", fit.fit_skimdb, network),
            Contender("MLPClassifier", fit.fit_mlp, network),
        ),
        _pair(
            "epoch",
            "one epoch of 16-16-1, compared with its sparse products in SciPy alone",
            Contender("skimdb", fit.time_epoch_skimdb, network),
            Contender("SciPy's products", fit.time_epoch_products, network),
        ),
        _pair(
            "encode arrays",
            "transform ids to CSR rows",
            Contender("skimdb, arrays", encode.encode_ids_skimdb, {"lists": False}),
            Contender("MultiLabelBinarizer, lists", encode.encode_ids_binarizer),
        ),
        _pair(
            "encode texts",
            "transform raw texts, already fitted",
            Contender("skimdb", encode.encode_text_skimdb, {"fitted": True}),
            Contender("CountVectorizer", encode.encode_text_count_vectorizer, {"fitted": True}),
        ),
        _pair(
            "fit texts",
            f"from {texts['n_texts']:,} raw texts to a fitted classifier",
            Contender("skimdb, text_pipeline", fit_text_pipeline, texts),
            Contender("TF-IDF, LogisticRegression", fit_tfidf, texts),
        ),
        _pair(
            "predict rows",
            "predict_proba of all test rows, CSR, at once",
            Contender("skimdb", predict.predict_rows_sklearn, {"name": "skimdb"}),
            Contender("MLPClassifier", predict.predict_rows_sklearn, {"name": "mlp"}),
        ),
        _pair(
            "predict one text",
            f"{calls['n_calls']} calls with one raw text each; the time of the median call",
            Contender("skimdb", predict.predict_one_text, {"name": "skimdb", **calls}),
            Contender("MLPClassifier", predict.predict_one_text, {"name": "mlp", **calls}),
        ),
        _pair("process", whole.work, *whole.contenders[:2], isolated=True),
        # the memory of a process hardly differs between rounds
        _pair(
            "memory",
            whole.work,
            *(replace(contender, rounds=1) for contender in whole.contenders[:2]),
            isolated=True,
            measure="peak_mb",
        ),
    ]


def _pair(title, work, ours, peer, isolated=False, **settings):
    return Group(title, work, (ours, peer), isolated=isolated, **settings)


def fit_text_pipeline(context, n_texts):
    """Job: ``text_pipeline`` on texts."""
    from skimdb import text_pipeline

    pipeline = text_pipeline(random_state=context.seed)
    return _time_text_fit(context, pipeline, n_texts)


def fit_tfidf(context, n_texts):
    """Job: TF-IDF of words and bigrams with logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    pipeline = make_pipeline(tfidf, LogisticRegression(C=10, max_iter=1000))
    return _time_text_fit(context, pipeline, n_texts)


def _time_text_fit(context, pipeline, n_texts):
    texts, y = load_texts(context)
    return Work(lambda: pipeline.fit(texts[:n_texts], y[:n_texts]))
