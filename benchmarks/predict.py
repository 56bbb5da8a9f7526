"""Predict: after a cold start, 25,000 rows at once, one at a time, in threads and processes."""

import os
import subprocess
import sys
from contextlib import contextmanager
from statistics import median

from benchmarks._contenders import load_tensorflow, mlp_classifier, skimdb_classifier
from benchmarks._data import NUM_WORDS, load_rows, load_texts
from benchmarks._measure import Contender, Group, Work, describe_job, run_child

PARTS = ("csr", "texts")

# Each script runs in a new Python process in the folder of the models, with a text to classify as
# its argument. It prints the probability on the first line and its peak memory, in the unit of
# getrusage, on the second.
_PEAK = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
_PIPELINE = """
import sys
import joblib
pipeline = joblib.load("{name}.joblib")
print(pipeline.predict_proba([sys.argv[1]])[0, 1], flush=True)
"""
_KERAS = """
import json, sys
import keras
import numpy as np
model = keras.models.load_model("model.keras")
with open("word_index.json") as file:
    word_index = json.load(file)
separators = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\\\]^_`{|}~\\t\\n', " "))
words = sys.argv[1].lower().translate(separators).split()
ids = [1] + [word_index[word] + 3 for word in words if word in word_index]
x = np.zeros((1, 10000), dtype="float32")
x[0, [i if i < 10000 else 2 for i in ids]] = 1
print(model.predict(x, verbose=0)[0, 0], flush=True)
"""
SCRIPTS = {
    "skimdb": _PIPELINE.format(name="skimdb"),
    "keras": _KERAS,
    "mlp": _PIPELINE.format(name="mlp"),
    "sklearn": "import sklearn\nprint('null', flush=True)",
}


def groups(options):
    """Return the groups: cold start, all rows, single rows, single texts, and threads."""
    calls = {"n_calls": 20 if options.quick else 300}
    return [
        Group(
            "predict cold",
            "a new process, from its start to the prediction for one raw text",
            (
                Contender("skimdb, joblib", start_cold, {"script": "skimdb"}),
                Contender(
                    "Keras, load_model, predict", start_cold, {"script": "keras"}, at_most=0.36
                ),
                Contender("MLPClassifier, joblib", start_cold, {"script": "mlp"}),
                Contender("import sklearn only", start_cold, {"script": "sklearn"}),
            ),
            columns=("answer",),
        ),
        Group(
            "predict rows",
            "predict_proba of all test rows, CSR, at once",
            (
                Contender("skimdb", predict_rows_sklearn, {"name": "skimdb"}),
                Contender("MLPClassifier", predict_rows_sklearn, {"name": "mlp"}, at_most=1.0),
                Contender("Keras, CSR, batches of 512", predict_rows_keras),
            ),
            isolated=False,
        ),
        Group(
            "predict one row",
            f"{calls['n_calls']} calls with one row each; the time is that of the median call",
            (
                Contender("skimdb", predict_one_row_sklearn, {"name": "skimdb", **calls}),
                Contender("MLPClassifier", predict_one_row_sklearn, {"name": "mlp", **calls}),
                Contender("Keras, dense row", predict_one_row_keras, calls),
            ),
            isolated=False,
            columns=("p50_ms", "p99_ms"),
        ),
        Group(
            "predict one text",
            f"{calls['n_calls']} calls with one raw text each, through the whole pipeline",
            (
                Contender("skimdb", predict_one_text, {"name": "skimdb", **calls}),
                Contender("MLPClassifier", predict_one_text, {"name": "mlp", **calls}),
            ),
            isolated=False,
            columns=("p50_ms", "p99_ms"),
        ),
        *(
            Group(
                f"predict {size} text{'s' * (size > 1)} per request in threads, {pipeline}",
                f"{requests['n_requests']} requests to one pipeline",
                (
                    Contender("16 threads", predict_in_threads, {"n_threads": 16, **requests}),
                    Contender(
                        "16 threads, one request at a time",
                        predict_in_threads,
                        {"n_threads": 16, "takes_turns": True, **requests},
                    ),
                    Contender(
                        "one thread",
                        predict_in_threads,
                        {"n_threads": 1, **requests},
                        at_most=1.1 if size == 1 else 1.0,
                    ),
                    Contender("a process for each core", predict_in_processes, requests),
                ),
                isolated=False,
            )
            for pipeline, name, size, n_requests in (
                ("multi_hot_pipeline", "skimdb", 1, 1600),
                ("multi_hot_pipeline", "skimdb", 10, 640),
                ("multi_hot_pipeline", "skimdb", 100, 96),
                ("multi_hot_pipeline", "skimdb", 400, 32),
                ("text_pipeline", "text", 1, 1600),
            )
            # each group starts processes, which takes seconds
            if size == 1 or not options.quick
            for requests in [
                {"name": name, "size": size, "n_requests": 32 if options.quick else n_requests}
            ]
        ),
    ]


def start_cold(context, script):
    """Job: the wall time of a process up to its prediction."""
    import json

    _save_models_once(context)
    texts, _ = load_texts(context)
    command = [sys.executable, "-c", SCRIPTS[script] + _PEAK, texts[0]]
    # a copy of the package with compiled bytecode, like an installed one
    env = {**os.environ, "PYTHONPATH": str(context.folder / "site")}

    def run():
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=context.folder, env=env, text=True
        )
        return process, process.stdout.readline()

    def figures(result):
        process, answer = result
        peak, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"the {script} script ended with code {process.returncode}.")
        unit = 1 if sys.platform == "darwin" else 1024
        return {"answer": json.loads(answer), "peak_mb": int(peak) * unit / 1e6}

    # an unmeasured run, so that the files of all contenders are in memory
    figures(run())
    return Work(run, figures)


def predict_rows_sklearn(context, name):
    """Job: ``predict_proba`` of a saved pipeline's classifier."""
    classifier, X = _load_pipeline(context, name)[-1], load_rows(context)[2]
    return Work(lambda: classifier.predict_proba(X))


def predict_rows_keras(context):
    """Job: ``predict`` of the saved Keras model."""
    model, X = _load_keras_model(context), load_rows(context)[2]
    return Work(lambda: model.predict(X, batch_size=512, verbose=0))


def predict_one_row_sklearn(context, name, n_calls):
    """Job: ``predict_proba`` of a saved pipeline's classifier, row by row."""
    classifier, X = _load_pipeline(context, name)[-1], load_rows(context)[2]
    return _time_each_call(classifier.predict_proba, [X[i] for i in range(n_calls)])


def predict_one_row_keras(context, n_calls):
    """Job: ``predict`` of the saved Keras model, row by row."""
    model, X = _load_keras_model(context), load_rows(context)[2]
    rows = [X[i].toarray() for i in range(n_calls)]
    return _time_each_call(lambda row: model.predict(row, verbose=0), rows)


def predict_one_text(context, name, n_calls):
    """Job: ``predict_proba`` of a saved pipeline, text by text."""
    pipeline = _load_pipeline(context, name)
    texts, _ = load_texts(context)
    return _time_each_call(pipeline.predict_proba, [[text] for text in texts[:n_calls]])


def predict_in_threads(context, n_threads, name, size, n_requests, takes_turns=False):
    """Job: ``predict_proba`` of a saved pipeline, called by several threads at once."""
    from contextlib import nullcontext
    from threading import Barrier, Lock, Thread
    from time import perf_counter

    pipeline = _load_pipeline(context, name)
    requests = _make_requests(context, size, n_requests)
    turn = Lock() if takes_turns else nullcontext()

    def run():
        barrier = Barrier(n_threads + 1)

        def predict(part):
            barrier.wait()
            for request in part:
                with turn:
                    pipeline.predict_proba(request)

        parts = [requests[i::n_threads] for i in range(n_threads)]
        threads = [Thread(target=predict, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        barrier.wait()
        started = perf_counter()
        for thread in threads:
            thread.join()
        return perf_counter() - started

    return Work(run, lambda seconds: {"seconds": seconds})


def predict_in_processes(context, name, size, n_requests):
    """Job: ``predict_proba`` of a saved pipeline, in as many processes as there are cores."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from joblib import cpu_count

    _save_models_once(context)
    requests = _make_requests(context, size, n_requests)
    pool = ProcessPoolExecutor(
        cpu_count(), get_context("spawn"), initializer=_load_in_process, initargs=(context, name)
    )
    with _one_thread_in_new_processes():
        # all processes start, and load what the first prediction needs
        for future in [pool.submit(_predict_in_process, request) for request in requests]:
            future.result()

    def run():
        futures = [pool.submit(_predict_in_process, request) for request in requests]
        for future in futures:
            future.result()

    return Work(run)


@contextmanager
def _one_thread_in_new_processes():
    """Keep NumPy and numba, in each process that starts, from using all cores."""
    before = {**os.environ}
    os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _load_in_process(context, name):
    global _pipeline_of_process
    _pipeline_of_process = _load_pipeline(context, name)


def _predict_in_process(texts):
    return _pipeline_of_process.predict_proba(texts)


def _make_requests(context, size, n_requests):
    """Return lists of so many texts."""
    texts, _ = load_texts(context)
    starts = range(0, n_requests * size, size)
    return [texts[i % (len(texts) - size) :][:size] for i in starts]


def save_models(context):
    """Job: save two pipelines with skimdb, one with MLPClassifier, and one Keras model."""

    def run():
        import compileall
        import json
        import shutil
        from pathlib import Path

        import joblib
        from sklearn.pipeline import Pipeline

        import skimdb

        texts, y = load_texts(context)
        pipeline = skimdb.multi_hot_pipeline(text=True, num_words=NUM_WORDS)
        setting = {"units": (16, 16), "epochs": 4, "batch_size": 512, "seed": 0}
        encoding = pipeline.steps[:-1]
        for name, make in (("skimdb", skimdb_classifier), ("mlp", mlp_classifier)):
            fitted = Pipeline([*encoding, ("classifier", make(**setting))]).fit(texts, y)
            joblib.dump(fitted, context.folder / f"{name}.joblib")
            if name == "skimdb":
                fitted[-1].model_.save(context.folder / "model.keras")
                word_index = json.dumps(fitted["encoder"].vocabulary_)
                (context.folder / "word_index.json").write_text(word_index, encoding="utf-8")
        fitted = skimdb.text_pipeline(random_state=0).fit(texts[:5000], y[:5000])
        joblib.dump(fitted, context.folder / "text.joblib")
        site = context.folder / "site" / "skimdb"
        shutil.copytree(Path(skimdb.__file__).parent, site)
        compileall.compile_dir(site, quiet=1)

    return Work(run)


def _save_models_once(context):
    # save_models writes this folder last
    if not (context.folder / "site").exists():
        run_child([describe_job(save_models)], folder=context.folder)


def _load_pipeline(context, name):
    import joblib

    _save_models_once(context)
    return joblib.load(context.folder / f"{name}.joblib")


def _load_keras_model(context):
    _save_models_once(context)
    load_tensorflow()
    import keras

    return keras.models.load_model(context.folder / "model.keras")


def _time_each_call(predict, inputs):
    from time import perf_counter

    def run():
        seconds = []
        for single in inputs:
            started = perf_counter()
            predict(single)
            seconds.append(perf_counter() - started)
        return seconds

    def figures(seconds):
        import numpy as np

        p50, p99 = np.percentile(seconds, [50, 99]) * 1000
        return {"seconds": median(seconds), "p50_ms": float(p50), "p99_ms": float(p99)}

    return Work(run, figures)
