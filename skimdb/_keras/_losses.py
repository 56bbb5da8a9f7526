"""Gradients of the usual losses in closed form, where Keras's chains take scores of operations."""

import tensorflow as tf


def closed_form_gradient(loss, n_outputs):
    """Return a function for the gradient of a loss by the scores, or None if there is none here.

    The function takes targets, scores (what goes into the sigmoid or softmax) and sample weights;
    the loss is Keras's mean over the rows.
    """
    if loss == "binary_crossentropy" and n_outputs == 1:
        return _binary_crossentropy
    if loss == "sparse_categorical_crossentropy" and n_outputs > 1:
        return _sparse_categorical_crossentropy
    return None


def _binary_crossentropy(targets, scores, sample_weight):
    return (tf.sigmoid(scores) - targets) * _share_of_loss(sample_weight)


def _sparse_categorical_crossentropy(targets, scores, sample_weight):
    _, gradient = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
        features=scores, labels=tf.cast(targets[:, 0], tf.int32)
    )
    return gradient * _share_of_loss(sample_weight)


def _share_of_loss(sample_weight):
    n_rows = tf.cast(tf.size(sample_weight), tf.float32)
    return tf.expand_dims(sample_weight / n_rows, 1)
