"""The classifiers of texts to compare, and the settings that cross-validation chooses from.

fastText has the settings of Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL
2017: 10 units, bigrams, a few epochs.
"""

import random
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks._machine import count_cores

# the parameters of multi_hot_pipeline
MULTI_HOT = {
    "num_words": 10_000,
    "batch_size": "auto",
    "epochs": "auto",
    "learning_rate_schedule": "linear",
}
WORDS, WORDS_AND_MARKS = r"(?u)\b\w\w+\b", r"(?u)\w+|[^\w\s]"


def dump(model, path):
    """Save a model as scikit-learn's documentation does."""
    import joblib

    joblib.dump(model, path)


@dataclass(frozen=True)
class Recipe:
    """How to make a contender.

    ``make_classifier(seed, **settings)`` returns an estimator, which takes the rows of the
    transformer ``make_features(**settings)``, or texts if there is none. Cross-validation chooses
    the settings of both from the grids; with a single fold if the contender ``is_slow``.
    ``module`` and ``package`` are what to import and to install, if that comes without skimdb.
    """

    title: str
    make_classifier: Callable[..., Any]
    make_features: Callable[..., Any] | None = None
    grid: dict = field(default_factory=dict)
    features_grid: dict = field(default_factory=dict)
    has_seed: bool = False
    is_slow: bool = False
    module: str | None = None
    package: str | None = None
    save: Callable[[Any, Path], Any] = dump

    @property
    def is_installed(self):
        """Whether the package of the contender is installed."""
        return self.module is None or find_spec(self.module) is not None

    @property
    def has_choice(self):
        """Whether there are settings to choose from."""
        return bool(self.grid or self.features_grid)

    def make(self, seed, settings, features_settings):
        """Return an estimator that takes texts."""
        classifier = self.make_classifier(seed, **settings)
        if self.make_features is None:
            return classifier
        from sklearn.pipeline import make_pipeline

        return make_pipeline(self.make_features(**features_settings), classifier)


class FastText:
    """fastText with bigrams."""

    def __init__(self, seed, lr, epoch, lower):
        import fasttext

        self._train = fasttext.train_supervised
        self.seed = seed
        self.lr = lr
        self.epoch = epoch
        self.lower = lower

    def fit(self, texts, y):
        """Write the texts to a file in random order, and train on it."""
        self.classes_, numbers = _number_classes(y)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "train.txt")
            rows = _shuffle(texts, numbers, self.seed)
            lines = (f"__label__{number} {self._describe(text)}\n" for text, number in rows)
            path.write_text("".join(lines), encoding="utf-8")
            self.model_ = self._train(
                str(path),
                lr=self.lr,
                epoch=self.epoch,
                wordNgrams=2,
                dim=10,
                seed=self.seed,
                thread=count_cores(),
                verbose=0,
            )
        return self

    def predict(self, texts):
        """Return the class of each text."""
        labels, _ = self.model_.predict([self._describe(text) for text in texts])
        return [self.classes_[int(label.removeprefix("__label__"))] for [label] in labels]

    def save(self, path):
        """Save the model as fastText does."""
        self.model_.save_model(str(path))

    def _describe(self, text):
        return separate_marks(text, self.lower)


class VowpalWabbit:
    """Vowpal Wabbit with bigrams and logistic loss, one model against the rest for each class."""

    def __init__(self, seed, learning_rate, passes, lower):
        import vowpalwabbit

        self._make_workspace = vowpalwabbit.Workspace
        self.seed = seed
        self.learning_rate = learning_rate
        self.passes = passes
        self.lower = lower

    def fit(self, texts, y):
        """Write the texts to a file in random order, and train on it."""
        self.classes_, numbers = _number_classes(y)
        is_binary = len(self.classes_) == 2
        labels = (-1, 1) if is_binary else range(1, len(self.classes_) + 1)
        with tempfile.TemporaryDirectory() as folder:
            data, cache, model = (Path(folder, name) for name in ("data", "cache", "model"))
            rows = _shuffle(texts, numbers, self.seed)
            lines = (f"{labels[number]} {self._describe(text)}\n" for text, number in rows)
            data.write_text("".join(lines), encoding="utf-8")
            options = ["-d", data, "-f", model, "-c", "-k", "--cache_file", cache, "--quiet"]
            options += ["--ngram", 2, "-b", 22, "--loss_function", "logistic", "--holdout_off"]
            options += ["-l", self.learning_rate, "--passes", self.passes]
            options += [] if is_binary else ["--oaa", len(self.classes_)]
            self._make_workspace(arg_list=[*map(str, options)]).finish()
            self.model_ = self._make_workspace(arg_list=["-t", "-i", str(model), "--quiet"])
        return self

    def predict(self, texts):
        """Return the class of each text."""
        results = [self.model_.predict(self._describe(text)) for text in texts]
        if len(self.classes_) == 2:
            return [self.classes_[int(score > 0)] for score in results]
        return [self.classes_[number - 1] for number in results]

    def save(self, path):
        """Save the model as Vowpal Wabbit does."""
        self.model_.save(str(path))

    def _describe(self, text):
        # a colon would end the name of a feature, a bar would start a namespace
        text = separate_marks(text, self.lower).replace(":", " ").replace("|", " ")
        return f"| {text}"


def separate_marks(text, lower):
    """Return a text in one line, with spaces around marks, as fastText's tutorial does."""
    text = re.sub(r"([.!?,'/()])", r" \1 ", text.replace("<br />", " "))
    return " ".join((text.lower() if lower else text).split())


def choose_settings(recipe, texts, y, n_folds, quick=False):
    """Choose the settings of a recipe with the best mean accuracy in cross-validation.

    With one fold, a fifth of the rows is held out. If ``quick``, two candidates are compared.
    """
    import numpy as np
    from sklearn.model_selection import ParameterGrid, StratifiedKFold, StratifiedShuffleSplit

    if n_folds == 1:
        folds = StratifiedShuffleSplit(1, test_size=0.2, random_state=0)
    else:
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    texts, y = np.array(texts, dtype=object), np.array(y)
    features_candidates = [*ParameterGrid(recipe.features_grid)][: 1 if quick else None]
    candidates = [*ParameterGrid(recipe.grid)][: 2 if quick else None]
    scores = np.zeros((len(features_candidates), len(candidates)))
    for train, test in folds.split(texts, y):
        for row, features_settings in enumerate(features_candidates):
            X_train, X_test = texts[train], texts[test]
            if recipe.make_features is not None:
                features = recipe.make_features(**features_settings)
                X_train, X_test = features.fit_transform(X_train), features.transform(X_test)
            for column, settings in enumerate(candidates):
                classifier = recipe.make_classifier(0, **settings).fit(X_train, y[train])
                scores[row, column] += np.mean(classifier.predict(X_test) == y[test])
    row, column = np.unravel_index(scores.argmax(), scores.shape)
    return {"settings": candidates[column], "features_settings": features_candidates[row]}


def make_text_pipeline(seed):
    """Return skimdb's pipeline for texts, with its defaults."""
    from skimdb import text_pipeline

    return text_pipeline(random_state=seed)


def make_multi_hot_pipeline(seed, units, dropout):
    """Return skimdb's pipeline on multi-hot rows of words."""
    from skimdb import multi_hot_pipeline

    return multi_hot_pipeline(
        text=True, units=units, dropout=dropout, random_state=seed, **MULTI_HOT
    )


def make_tfidf(marks, sublinear_tf=True, max_features=None):
    """Return TF-IDF rows of words and bigrams."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=WORDS_AND_MARKS if marks else WORDS,
        sublinear_tf=sublinear_tf,
        max_features=max_features,
        dtype=np.float32,
    )


def make_binary_ngrams(longest, marks):
    """Return binary rows of n-grams."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(
        ngram_range=(1, longest),
        token_pattern=WORDS_AND_MARKS if marks else WORDS,
        binary=True,
        dtype=np.float32,
    )


def make_nbsvm(seed, C, beta):
    """Return a support vector machine on log-count ratios, which needs no seed."""
    from benchmarks._nbsvm import NBSVM

    return NBSVM(C, beta)


def make_logistic_regression(seed, C):
    """Return a logistic regression, which needs no seed."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=C, max_iter=1000)


def make_linear_svc(seed, C):
    """Return a linear support vector machine, whose seed does not matter once it converges."""
    from sklearn.svm import LinearSVC

    return LinearSVC(C=C, random_state=0)


def make_mlp(seed):
    """Return scikit-learn's network, which stops when held-out rows are predicted no better."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((32,), early_stopping=True, random_state=seed)


def _save_skimdb(model, path):
    from skimdb import save_model

    save_model(model, path)


def _save(model, path):
    model.save(path)


def _number_classes(y):
    classes = sorted(set(y))
    numbers = {label: number for number, label in enumerate(classes)}
    return classes, [numbers[label] for label in y]


def _shuffle(texts, numbers, seed):
    rows = [*zip(texts, numbers, strict=True)]
    random.Random(seed).shuffle(rows)
    return rows


# the first that takes part is compared with each of the others
RECIPES = {
    "text_pipeline": Recipe("skimdb", make_text_pipeline, has_seed=True, save=_save_skimdb),
    "multi_hot": Recipe(
        "skimdb multi-hot",
        make_multi_hot_pipeline,
        grid={"units": [[16, 16], [32]], "dropout": [0, 0.5]},
        has_seed=True,
        save=_save_skimdb,
    ),
    "logistic_regression": Recipe(
        "LogisticRegression",
        make_logistic_regression,
        make_tfidf,
        grid={"C": [1, 10, 100]},
        features_grid={"marks": [False, True]},
        is_slow=True,
    ),
    "linear_svc": Recipe(
        "LinearSVC",
        make_linear_svc,
        make_tfidf,
        grid={"C": [0.1, 0.3, 1, 3, 10]},
        features_grid={"marks": [False, True], "sublinear_tf": [True, False]},
    ),
    "nbsvm": Recipe(
        "NBSVM",
        make_nbsvm,
        make_binary_ngrams,
        grid={"C": [0.01, 0.1, 1], "beta": [0.25, 1]},
        features_grid={"longest": [2, 3], "marks": [False, True]},
    ),
    "mlp": Recipe(
        "MLPClassifier",
        make_mlp,
        make_tfidf,
        features_grid={"marks": [False, True], "max_features": [10_000, 30_000]},
        has_seed=True,
        is_slow=True,
    ),
    "fasttext": Recipe(
        "fastText",
        FastText,
        grid={"epoch": [5, 20], "lower": [True, False], "lr": [0.1, 0.5]},
        has_seed=True,
        module="fasttext",
        package="fasttext-numpy2-wheel",
        save=_save,
    ),
    "vowpal_wabbit": Recipe(
        "Vowpal Wabbit",
        VowpalWabbit,
        grid={"learning_rate": [0.5, 2], "lower": [True, False], "passes": [1, 3, 10]},
        has_seed=True,
        module="vowpalwabbit",
        package="vowpalwabbit",
        save=_save,
    ),
}
