"""export_onnx: the network of a fitted classifier as an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader
import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimdb import __version__
from skimdb._dense_classifier import DenseClassifier
from skimdb._log_count_ratio import LogCountRatioScaler
from skimdb._utils._checks import resolve_file
from skimdb._utils._files import replace_files
from skimdb._utils._public import set_module

if TYPE_CHECKING:
    from skimdb._utils._typing import PathLike

# optional
onnx = lazy_loader.load("onnx")

# runtimes since the end of 2023 know these versions of the operators and of the file
OPERATORS_VERSION, FILE_VERSION = 20, 9
# protobuf's limit, less some room for all that is not weights
MOST_BYTES = 2**31 - 2**20
FEATURES, PROBABILITIES, LABEL = "features", "probabilities", "label"
ROWS = "n_samples"
OPERATORS = {
    "relu": "Relu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "linear": "Identity",
    "elu": "Elu",
    "selu": "Selu",
    "gelu": "Gelu",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "leaky_relu": "LeakyRelu",
}


@set_module("skimdb")
def export_onnx(pipeline: DenseClassifier | Pipeline, path: PathLike) -> Path:
    """Save the classifier's network as an ONNX model.

    ONNX Runtime and other runtimes serve it without skimdb, scikit-learn or TensorFlow; no
    TensorFlow is needed to write it either. The model is checked by ``onnx.checker`` and appears
    complete or not at all.

    Parameters
    ----------
    pipeline : DenseClassifier or sklearn.pipeline.Pipeline
        A fitted classifier, or a fitted pipeline that ends in one. A LogCountRatioScaler right
        before the classifier becomes part of the model. Steps before these do not.
    path : str or path-like
        Path of the file; ".onnx" is the usual suffix. An existing file is replaced.

    Returns
    -------
    path : pathlib.Path
        Path of the file.

    Raises
    ------
    ImportError
        If the package onnx is not installed.
    TypeError
        If the last step is not a DenseClassifier.
    ValueError, sklearn.exceptions.NotFittedError
        If a step is not fitted, the weights take more than the 2 GiB of an ONNX file, or a label
        is beyond int64.

    See Also
    --------
    save_model : Saves the whole pipeline, for skimdb.
    export_keras : Saves the network for Keras.

    Notes
    -----
    The model has one input and two outputs, with any number of rows:

    ``features`` : float32 of shape (n_samples, n_features)
        The columns that the scaler takes if it is part of the model, and the classifier otherwise.
    ``probabilities`` : float32 of shape (n_samples, n_classes)
        What ``predict_proba`` returns, but for rounding.
    ``label`` : int64 or string of shape (n_samples,)
        What ``predict`` returns. Labels that are bool or float become integers: scikit-learn takes
        only whole floats for classes. For several labels a row it is the indicator matrix, int64
        of shape (n_samples, n_labels).

    What makes columns of words stays in Python: ``pipeline[:-1].transform`` of a
    ``multi_hot_pipeline``, and ``pipeline[:-2].transform`` of a ``text_pipeline``, whose scaler is
    part of the model. ``save_model`` saves these steps too, so a server needs no TensorFlow::

        save_model(pipeline[:-2], "columns.skimdb")
        export_onnx(pipeline, "network.onnx")

        # on the server
        columns = load_model("columns.skimdb")
        session = onnxruntime.InferenceSession("network.onnx")
        rows = columns.transform(texts).toarray()
        label, probabilities = session.run(["label", "probabilities"], {"features": rows})

    ONNX has no sparse inputs that runtimes support, so a row takes four bytes for each column:
    serve a model of very many n-grams in small batches.

    The scaler's factors for columns are multiplied into the weights of the first layer. Those for
    rows (``norm_power``) depend on the row, and are computed in the model.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> import onnxruntime
    >>> from skimdb import export_onnx, multi_hot_pipeline
    >>> from skimdb.datasets import make_reviews
    >>> sequences, y = make_reviews(300, n_words=100, random_state=0)
    >>> pipeline = multi_hot_pipeline(num_words=100, units=4, epochs=1).fit(sequences, y)
    >>> with TemporaryDirectory() as folder:
    ...     path = export_onnx(pipeline, Path(folder, "reviews.onnx"))
    ...     session = onnxruntime.InferenceSession(path)
    >>> rows = pipeline[:-1].transform(sequences).toarray()
    >>> label, probabilities = session.run(["label", "probabilities"], {"features": rows})
    >>> np.allclose(probabilities, pipeline.predict_proba(sequences), atol=1e-6)
    True
    """
    scaler, classifier = _find_parts(pipeline)
    n_bytes = sum(coef.nbytes for coef in classifier.coefs_)
    if n_bytes > MOST_BYTES:
        raise ValueError(
            "pipeline must have less than 2 GiB of weights, which is the most that an ONNX file "
            f"holds, got {n_bytes / 2**30:.1f} GiB: use fewer columns or units."
        )
    labels = None if classifier._target.multilabel else _to_onnx_labels(classifier.classes_)
    target_file = resolve_file(path)
    try:
        model = _build_model(scaler, classifier, labels)
    except ModuleNotFoundError as error:
        raise ImportError("export_onnx needs onnx: pip install 'skimdb[onnx]'.") from error
    onnx.checker.check_model(model, full_check=True)
    with replace_files(target_file.parent, sync=True) as temporary:
        content = model.SerializeToString(deterministic=True)
        (temporary / target_file.name).write_bytes(content)
    return Path(path)


def _find_parts(pipeline):
    """Return the scaler right before the classifier, or None, and the classifier."""
    pipeline = getattr(pipeline, "best_estimator_", pipeline)
    steps = [step for _, step in pipeline.steps] if isinstance(pipeline, Pipeline) else [pipeline]
    steps = [step for step in steps if step is not None and not isinstance(step, str)]
    classifier = steps[-1] if steps else None
    if not isinstance(classifier, DenseClassifier):
        hint = ""
        if hasattr(classifier, "model"):
            hint = (
                " Its Keras model exports itself: classifier.model_.export(path, format='onnx')."
            )
        raise TypeError(
            "pipeline must be a DenseClassifier or a Pipeline that ends in one, got "
            f"{type(classifier).__name__}.{hint}"
        )
    parts = [step for step in steps[-2:-1] if isinstance(step, LogCountRatioScaler)]
    for step in (*parts, classifier):
        check_is_fitted(step)
    return (parts[0] if parts else None), classifier


def _to_onnx_labels(classes):
    """Return class labels as int64 or text, which runtimes have types for."""
    if classes.dtype.kind == "U":
        return classes.astype(object)
    with np.errstate(invalid="ignore"):
        labels = classes.astype(np.int64)
    if not np.array_equal(labels, classes):
        raise ValueError(
            "pipeline must have labels within int64 for an ONNX model, got "
            f"{classes.tolist()!r:.100}."
        )
    return labels


class _Graph:
    """The operators of a model and their constants, each named after its number."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, values):
        """Add a constant; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, operator, *inputs, output=None, **attributes):
        """Add an operator; return the name of its output."""
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output


def _build_model(scaler, classifier, labels):
    """Return the model; labels are None for an indicator matrix."""
    graph = _Graph()
    scores = _add_network(graph, scaler, classifier)
    _add_outputs(graph, scores, classifier._target, labels)
    n_features, n_classes = len(classifier.coefs_[0]), len(classifier.classes_)
    types, tensor = onnx.TensorProto, onnx.helper.make_tensor_value_info
    is_text = labels is not None and labels.dtype == object
    label_shape = [ROWS, n_classes] if labels is None else [ROWS]
    return onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "skimdb",
            [tensor(FEATURES, types.FLOAT, [ROWS, n_features])],
            [
                tensor(LABEL, types.STRING if is_text else types.INT64, label_shape),
                tensor(PROBABILITIES, types.FLOAT, [ROWS, n_classes]),
            ],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPERATORS_VERSION)],
        ir_version=FILE_VERSION,
        producer_name="skimdb",
        producer_version=__version__,
    )


def _add_network(graph, scaler, classifier):
    """Add the layers, and the scaler before them; return the name of the scores."""
    kernels, scaled = [*classifier.coefs_], None
    if scaler is not None:
        scale = scaler.scale_.astype(np.float32)[:, np.newaxis]
        kernels[0] = scale * kernels[0]
        if scaler.norm_power:
            scaled = _add_row_factors(graph, scaler, scale)
    hidden = FEATURES
    for number, (kernel, bias) in enumerate(zip(kernels, classifier.intercepts_, strict=True)):
        if number:
            hidden = _add_activation(graph, classifier._network.activation, hidden)
        hidden = graph.add("MatMul", hidden, graph.constant(kernel))
        if not number and scaled:
            hidden = graph.add("Mul", hidden, scaled)
        hidden = graph.add("Add", hidden, graph.constant(bias))
    return hidden


def _add_row_factors(graph, scaler, scale):
    """Add what each row is multiplied by."""
    squares = graph.add("Mul", FEATURES, FEATURES)
    squares = graph.add("MatMul", squares, graph.constant(scale**2))
    # a row of zeros stays one
    is_zero = graph.add("Equal", squares, graph.constant(np.float32(0)))
    squares = graph.add("Where", is_zero, graph.constant(np.float32(1)), squares)
    mean = graph.constant(np.float32(scaler.mean_square_norm_))
    power = graph.constant(np.float32(scaler.norm_power / 2))
    return graph.add("Pow", graph.add("Div", mean, squares), power)


def _add_activation(graph, name, hidden):
    if name == "silu":
        return graph.add("Mul", hidden, graph.add("Sigmoid", hidden))
    attributes = {"alpha": 0.2} if name == "leaky_relu" else {}
    return graph.add(OPERATORS[name], hidden, **attributes)


def _add_outputs(graph, scores, target, labels):
    """Add what makes probabilities and labels of the scores."""
    if target.multilabel:
        graph.add("Sigmoid", scores, output=PROBABILITIES)
        is_label = graph.add("Greater", PROBABILITIES, graph.constant(np.float32(0.5)))
        graph.add("Cast", is_label, to=onnx.TensorProto.INT64, output=LABEL)
        return
    if target.has_sigmoids:
        # of both signs, since 1 - p would lose the digits of a small p
        parts = [graph.add("Sigmoid", part) for part in (graph.add("Neg", scores), scores)]
        graph.add("Concat", *parts, axis=1, output=PROBABILITIES)
    else:
        graph.add("Softmax", scores, axis=1, output=PROBABILITIES)
    number = graph.add("ArgMax", PROBABILITIES, axis=1, keepdims=0)
    graph.add("Gather", graph.constant(labels), number, output=LABEL)
