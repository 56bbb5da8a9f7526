"""One optimizer step in one operation a variable, where TensorFlow has such an operation.

Keras writes an optimizer step as a chain of element-wise operations, each of which goes through
the whole variable. On the first layer's kernel, by far the largest, that takes 0.7 ms where the
fused operation takes 0.1 ms. The state stays in the Keras optimizer's own variables either way.
"""

import keras
import tensorflow as tf

# Settings that Keras handles outside the update rule; any of them set means Keras's own step.
UNUSUAL_SETTINGS = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "momentum",
    "centered",
    "amsgrad",
)


def make_update(optimizer, variables):
    """Return a function of the gradients that does one step on the variables.

    Also returns the variables that it needs beside the optimizer's own, to be zero at the start.
    """
    optimizer.build(variables)
    fused = {keras.optimizers.RMSprop: _fused_rmsprop, keras.optimizers.Adam: _fused_adam}
    settings = optimizer.get_config()
    usual = not any(settings.get(name) for name in UNUSUAL_SETTINGS)
    if usual and type(optimizer) in fused:
        return fused[type(optimizer)](optimizer, [variable.value for variable in variables])
    return lambda gradients: optimizer.apply(gradients, variables), []


def _fused_rmsprop(optimizer, variables):
    velocities = _slots(optimizer, "velocity")
    # the operation writes a momentum even where its factor is 0
    momenta = [tf.Variable(tf.zeros_like(variable), trainable=False) for variable in variables]

    def update(gradients):
        learning_rate = tf.convert_to_tensor(optimizer.learning_rate)
        for variable, velocity, momentum, gradient in zip(
            variables, velocities, momenta, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyRMSProp(
                var=variable.handle,
                ms=velocity.handle,
                mom=momentum.handle,
                lr=learning_rate,
                rho=optimizer.rho,
                momentum=0.0,
                epsilon=optimizer.epsilon,
                grad=gradient,
            )
        optimizer.iterations.value.assign_add(1)

    return update, momenta


def _fused_adam(optimizer, variables):
    first_moments = _slots(optimizer, "momentum")
    second_moments = _slots(optimizer, "velocity")

    def update(gradients):
        step = tf.cast(optimizer.iterations.value + 1, tf.float32)
        for variable, first, second, gradient in zip(
            variables, first_moments, second_moments, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(optimizer.beta_1, step),
                beta2_power=tf.pow(optimizer.beta_2, step),
                lr=tf.convert_to_tensor(optimizer.learning_rate),
                beta1=optimizer.beta_1,
                beta2=optimizer.beta_2,
                epsilon=optimizer.epsilon,
                grad=gradient,
            )
        optimizer.iterations.value.assign_add(1)

    return update, []


def _slots(optimizer, kind):
    return [variable.value for variable in optimizer.variables if variable.name.endswith(kind)]
