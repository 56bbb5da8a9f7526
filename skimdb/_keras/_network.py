"""The network as plain Keras: its layers, optimizer, loss and metrics."""

import keras

from skimdb._network._target import COLUMN, INDICATORS, ONE_HOT
from skimdb._utils._checks import short_repr

# what Keras raises on what names none of its objects
NO_KERAS_OBJECT = (AttributeError, KeyError, TypeError, ValueError)
# of a single column, these make the same of any number
NEED_SEVERAL_OUTPUTS = ("circle", "cosinesimilarity")


def build_layers(spec):
    """Return the layers of the stack."""

    def dense(name, units, activation):
        # a regularizer of strength 0 would still cost its sum of squares at every step
        regularizer = keras.regularizers.L2(spec.l2) if spec.l2 else None
        return keras.layers.Dense(
            units,
            activation=activation,
            # the weights are set anyway; without a seed it would draw one from Python's generator
            kernel_initializer=keras.initializers.GlorotUniform(seed=0),
            kernel_regularizer=regularizer,
            dtype="float32",
            name=name,
        )

    layers = []
    for number, units in enumerate(spec.units, start=1):
        layers.append(dense(f"hidden_{number}", units, spec.activation))
        if spec.dropout:
            layers.append(
                keras.layers.Dropout(
                    spec.dropout, seed=0, dtype="float32", name=f"dropout_{number}"
                )
            )
    layers.append(dense("output", spec.n_outputs, spec.target.output_activation))
    return layers


def build_stack(spec, weights, *, sparse=False):
    """Return a plain ``keras.Sequential`` with these weights, for dense or also sparse inputs."""
    inputs = keras.Input((spec.n_features,), name="features", dtype="float32", sparse=sparse)
    model = keras.Sequential([inputs, *build_layers(spec)], name="dense_stack")
    model.set_weights(weights)
    return model


def build_model(spec, weights):
    """Return a plain, compiled ``keras.Sequential`` with these weights."""
    model = build_stack(spec, weights)
    compile_model(model, spec)
    # Keras exports only models that have been called, for which a symbol will do
    model(keras.Input((spec.n_features,), dtype="float32"))
    return model


def compile_model(model, spec):
    """Compile the model with copies of the spec's optimizer and metrics."""
    model.compile(
        optimizer=build_optimizer(spec),
        loss=_checked_loss(spec),
        metrics=[_build_metric(metric, spec) for metric in spec.metrics],
        jit_compile=False,
        # float32 layers need no scaling of the loss, whatever the global dtype policy
        auto_scale_loss=False,
    )
    # a saved model without the optimizer's variables would warn when it is loaded
    model.optimizer.build(model.trainable_variables)


def build_optimizer(spec):
    """Return a new optimizer of the kind and learning rate asked for."""
    if isinstance(spec.optimizer, keras.optimizers.Optimizer):
        if spec.learning_rate is not None:
            raise ValueError(
                "learning_rate must be None when optimizer is an instance, which has its own; "
                f"got {spec.learning_rate!r}."
            )
        return _copy_optimizer(spec.optimizer)
    identifier = spec.optimizer
    if isinstance(identifier, str):
        # Keras would number the names of optimizers through the process, and TensorFlow keeps some
        # 30 KB for each name that a variable ever had
        config = {"name": identifier}
        if spec.momentum:
            config["momentum"] = spec.momentum
        identifier = {"class_name": identifier, "config": config}
    optimizer = _found(keras.optimizers, identifier)
    if optimizer is None:
        raise ValueError(
            "optimizer must be the name of a Keras optimizer, such as 'rmsprop' or 'adam', or an "
            f"instance of one, got {short_repr(spec.optimizer)}."
        )
    if spec.learning_rate is not None:
        optimizer.learning_rate = spec.learning_rate
    return optimizer


def _copy_optimizer(optimizer):
    """Return a new optimizer of this one's configuration: each serves one model.

    Raises if that would be another one.
    """
    try:
        copied = type(optimizer).from_config(optimizer.get_config())
    except (*NO_KERAS_OBJECT, NotImplementedError, OSError) as error:
        raise ValueError(
            "optimizer must be one that Keras can build anew from its get_config(), got "
            f"{short_repr(optimizer)}: {reason_of(error)}. A learning rate must be a number or a "
            "schedule, and classes of your own need keras.saving.register_keras_serializable()."
        ) from error
    # a built one has its variables besides
    lost = [] if optimizer.built else sorted(vars(optimizer).keys() - vars(copied).keys())
    if lost:
        raise ValueError(
            "optimizer must be all in its get_config(), since each fit trains with a copy, got "
            f"{short_repr(optimizer)} with {', '.join(lost)} besides. What "
            "exclude_from_weight_decay() sets is lost too: use KerasClassifier with a function "
            "that compiles the model."
        )
    return copied


def reason_of(error):
    """Return the first line of an error, without a full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].removesuffix(".")


def write_keras_model(spec, weights, path):
    """Save a stack of these weights, not compiled, at a path that ends in ``.keras``."""
    build_stack(spec, weights).save(path)


def diagram(model, dpi):
    """Return the diagram of the model's layers, shapes and activations as a pydot graph."""
    return keras.utils.model_to_dot(
        model,
        show_shapes=True,
        show_layer_names=True,
        show_layer_activations=True,
        dpi=dpi,
    )


def target_form(spec):
    """Return the form in which the loss takes the target."""
    return spec.target.form_for(kind_of(keras.losses.get(spec.loss)).startswith("sparse"))


def _build_metric(metric, spec):
    if isinstance(metric, str) and metric in ("accuracy", "acc"):
        # Keras chooses the right kind, but would take indicators for one-hot rows
        return keras.metrics.BinaryAccuracy(metric) if spec.multilabel else metric
    known = _found(keras.metrics, metric)
    if known is None or isinstance(metric, type):
        raise ValueError(
            "metrics must be names of Keras metrics, such as 'accuracy' or 'auc', or instances "
            f"of them, got {short_repr(metric)}."
        )
    _check_suits_targets(metric, known, spec)
    if not isinstance(known, keras.metrics.Metric):
        return metric
    # Keras would number the names of metrics through the process: "auc", "auc_1", …
    name = metric if isinstance(metric, str) else metric.name
    return type(known).from_config({**known.get_config(), "name": name})


def _check_suits_targets(metric, known, spec):
    """Raise if a metric would compare with other targets than it is for, and give any number."""
    own = known if hasattr(known, "__module__") else type(known)
    if not own.__module__.startswith("keras."):
        return
    kind = kind_of(known)
    form = target_form(spec)
    if form == COLUMN:
        suits, expected = not _needs_several(kind), "suit a single sigmoid output, for two classes"
    elif form == INDICATORS:
        suits, expected = "categorical" not in kind, "suit one sigmoid output for each label"
    elif form == ONE_HOT:
        suits, expected = (
            not kind.startswith("sparse"),
            f"take one-hot rows, as {spec.loss!r} does",
        )
    else:
        suits = kind.startswith("sparse")
        expected = (
            f"take class numbers, as {spec.loss!r} does, or be 'accuracy' "
            "(loss='categorical_crossentropy' has one-hot rows for others)"
        )
    if not suits:
        raise ValueError(f"metrics must {expected}, got {short_repr(metric)}.")


def _needs_several(kind):
    return "categorical" in kind or kind in NEED_SEVERAL_OUTPUTS


def _found(kind, identifier):
    """Return the object that Keras finds among its own of a kind, or None."""
    if not isinstance(identifier, str | dict) and not callable(identifier):
        # Keras would write it into a message, which may take any time or fail
        return None
    try:
        return kind.get(identifier)
    except NO_KERAS_OBJECT:
        return None


def _checked_loss(spec):
    loss = spec.loss
    if _found(keras.losses, loss) is None:
        raise ValueError(
            "loss must be 'auto', the name of a Keras loss, such as 'binary_crossentropy' or "
            f"'mse', or an instance of one, got {short_repr(spec.loss)}."
        )
    kind = kind_of(keras.losses.get(loss))
    if spec.multilabel and "categorical" in kind:
        raise ValueError(
            f"loss must suit one sigmoid output for each label, got {loss!r}; use 'auto' or "
            "'binary_crossentropy'."
        )
    if target_form(spec) == COLUMN and _needs_several(kind):
        raise ValueError(
            f"loss must suit a single sigmoid output when y has two classes, got {loss!r}; "
            "use 'auto' or 'binary_crossentropy'."
        )
    return loss


def kind_of(known):
    """Return what a loss or metric is called in Keras, in small letters without underscores."""
    name = getattr(known, "__name__", None) or type(known).__name__
    return name.replace("_", "").lower()
