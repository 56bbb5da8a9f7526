"""SciKeras's KerasClassifier, put right for sparse rows."""

from collections import defaultdict

import scipy.sparse as sp
from scikeras.utils.transformers import ClassifierLabelEncoder
from scikeras.wrappers import KerasClassifier
from sklearn.utils import ClassifierTags, Tags, TargetTags
from sklearn.utils.validation import validate_data


class DefaultTags:
    """The last base class, whose tags the others add to.

    SciKeras has scikit-learn's mixin behind the base class, where scikit-learn 1.6 asks it for
    tags all the same, and it asks the next class in turn.
    """

    def __sklearn_tags__(self):
        return Tags(estimator_type=None, target_tags=TargetTags(required=False))


class SparseKerasClassifier(KerasClassifier, DefaultTags):
    """A KerasClassifier that takes CSR rows as they are.

    SciKeras 0.13 turns sparse rows into a LIL matrix of Python lists when it validates them, and
    scikit-learn no longer recognises it as a classifier.
    """

    # Classes that are known before the data are seen. Not a parameter: SciKeras would pass it on
    # to the function that builds the model.
    _known_classes = None

    @property
    def target_encoder(self):
        if self._known_classes is None:
            return super().target_encoder
        return ClassifierLabelEncoder(loss=self.loss, categories=[self._known_classes])

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        if X is not None:
            X = validate_data(self, X, accept_sparse="csr", dtype="float32", reset=reset)
        if y is not None and reset:
            self.target_type_ = self._type_of_target(y)
        return X, y

    @staticmethod
    def _validate_sample_weight(X, y, sample_weight):
        return X, y, sample_weight

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.input_tags.sparse = True
        return tags


def build_wrapper(model, spec, classes, **settings):
    """Return a SciKeras classifier around a compiled Keras model."""
    wrapper = SparseKerasClassifier(
        model=model,
        optimizer=spec.optimizer,
        loss=spec.loss,
        metrics=list(spec.metrics),
        **settings,
    )
    wrapper._known_classes = classes
    return wrapper


def build_fitted_wrapper(model, spec, classes, history, **settings):
    """Return a SciKeras classifier around a Keras model that is already trained."""
    wrapper = build_wrapper(model, spec, classes, **settings)
    wrapper.initialize(sp.csr_array((len(classes), spec.n_features), dtype="float32"), classes)
    wrapper.history_ = defaultdict(list, history)
    return wrapper
