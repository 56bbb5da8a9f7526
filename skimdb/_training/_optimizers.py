"""The optimizers of the sparse trainer: Keras's, with Keras's defaults.

An optimizer changes the rows of a weight array that a step touches. With a gradient of zero,
RMSprop, Adagrad and plain SGD leave a weight as it is, and RMSprop's average only decays. Their
updates need only the rows with a gradient. The others change every weight at every step.
"""

from functools import cached_property

import numpy as np

EPSILON = np.float32(1e-7)


class Optimizer:
    """The state of an optimizer, and its updates.

    The updates are written twice, here for whole arrays and in ``_kernels`` for some rows, with
    the same operations in the same order.

    Parameters
    ----------
    momentum : float
        The momentum of SGD.

    Attributes
    ----------
    name : str
        The kernel ``update_<name>`` does the update.
    n_averages : int
        How many numbers the optimizer keeps for each weight.
    initial_average : float
        Their value at the start.
    is_lazy : bool
        Whether a gradient of zero leaves a weight as it is.
    decay : float
        What the average of such a weight is multiplied by.
    n_steps : int
        Number of steps, with the one under way.
    rate : float
        The learning rate.
    """

    default_rate = 0.001
    n_averages = 1
    initial_average = 0.0
    is_lazy = True
    decay = 1.0

    def __init__(self, momentum=0.0):
        self.n_steps = 0
        self.rate = self.default_rate

    @cached_property
    def decay_powers(self):
        """``decay`` to the power of each number of steps, up to where it is 0 in float32."""
        return np.power(self.decay, np.arange(1024)).astype(np.float32)

    def settle(self, planes, last_steps):
        """Return weights and averages with every average decayed up to the last step."""
        if last_steps is None or self.decay == 1:
            return planes
        weights, average = planes
        elapsed = np.minimum(self.n_steps - last_steps, len(self.decay_powers) - 1)
        return [weights, average * self.decay_powers[elapsed, np.newaxis]]

    def constants(self, rate):
        """Return the numbers that the update needs besides arrays."""
        raise NotImplementedError

    def update(self, arrays, gradients, rate):
        """Update weights and their averages, a list of arrays, by the gradients.

        The gradients may be overwritten.
        """
        raise NotImplementedError


class SGD(Optimizer):
    """``keras.optimizers.SGD`` without momentum."""

    name = "sgd"
    default_rate = 0.01
    n_averages = 0

    def constants(self, rate):
        return (np.float32(rate),)

    def update(self, arrays, gradients, rate):
        (weights,) = arrays
        gradients *= np.float32(rate)
        weights -= gradients


class MomentumSGD(Optimizer):
    """``keras.optimizers.SGD`` with momentum."""

    name = "momentum"
    default_rate = 0.01
    is_lazy = False

    def __init__(self, momentum):
        super().__init__()
        self._momentum = np.float32(momentum)

    def constants(self, rate):
        return np.float32(rate), self._momentum

    def update(self, arrays, gradients, rate):
        weights, average = arrays
        rate, momentum = self.constants(rate)
        average *= momentum
        average -= rate * gradients
        weights += average


class Adagrad(Optimizer):
    """``keras.optimizers.Adagrad``."""

    name = "adagrad"
    initial_average = 0.1

    def constants(self, rate):
        return np.float32(rate), EPSILON

    def update(self, arrays, gradients, rate):
        weights, accumulator = arrays
        rate, epsilon = self.constants(rate)
        squares = gradients * gradients
        accumulator += squares
        weights -= _quotient(rate, gradients, accumulator, epsilon, scratch=squares)


class RMSprop(Optimizer):
    """``keras.optimizers.RMSprop``."""

    name = "rmsprop"
    decay = 0.9

    def constants(self, rate):
        return np.float32(rate), np.float32(1 - self.decay), EPSILON

    def update(self, arrays, gradients, rate):
        weights, velocity = arrays
        rate, share, epsilon = self.constants(rate)
        squares = share * gradients
        squares *= gradients
        velocity *= np.float32(self.decay)
        velocity += squares
        weights -= _quotient(rate, gradients, velocity, epsilon, scratch=squares)


class Adam(Optimizer):
    """``keras.optimizers.Adam``."""

    name = "adam"
    n_averages = 2
    is_lazy = False
    beta_1, beta_2 = 0.9, 0.999
    weight_decay = 0.0

    def constants(self, rate):
        # in float32 as in Keras: the first steps show the difference
        n_steps = np.float32(self.n_steps)
        rest_1, rest_2 = (1 - np.float32(b) ** n_steps for b in (self.beta_1, self.beta_2))
        return (
            np.float32(rate) * np.sqrt(rest_2) / rest_1,
            np.float32(1 - self.beta_1),
            np.float32(1 - self.beta_2),
            EPSILON,
            np.float32(1 - self.weight_decay * rate),
        )

    def update(self, arrays, gradients, rate):
        weights, momentum, velocity = arrays
        rate, share_1, share_2, epsilon, kept = self.constants(rate)
        momentum += (gradients - momentum) * share_1
        velocity += (gradients * gradients - velocity) * share_2
        weights *= kept
        weights -= rate * momentum / (np.sqrt(velocity) + epsilon)


class AdamW(Adam):
    """``keras.optimizers.AdamW``."""

    weight_decay = 0.004


def _quotient(rate, gradients, squares, epsilon, scratch):
    """Return ``rate * gradients / sqrt(squares + epsilon)`` in the place of the gradients."""
    np.add(squares, epsilon, out=scratch)
    np.sqrt(scratch, out=scratch)
    gradients *= rate
    gradients /= scratch
    return gradients


OPTIMIZERS = {"sgd": SGD, "rmsprop": RMSprop, "adagrad": Adagrad, "adam": Adam, "adamw": AdamW}


def make_optimizer(network):
    """Return the optimizer of a network, whose name may have small and capital letters."""
    kind = MomentumSGD if network.momentum else OPTIMIZERS[network.optimizer.lower()]
    return kind(network.momentum)


def default_rate(network):
    """Return the learning rate of a network's optimizer; None if only Keras knows it."""
    kind = (
        OPTIMIZERS.get(network.optimizer.lower()) if isinstance(network.optimizer, str) else None
    )
    return None if kind is None else kind.default_rate


def check_state(network, state):
    """Raise unless arrays can be the state of the network's optimizer.

    States come from files. Only the optimizers here have a state of a known form.
    """
    name = network.optimizer.lower()
    if name not in OPTIMIZERS:
        return
    shapes, optimizer = network.weight_shapes, make_optimizer(network)
    n_averages = optimizer.n_averages * len(shapes)
    expected = [(), (), *(shape for shape in shapes for _ in range(optimizer.n_averages))]
    found = [array.shape for array in state]
    has_last_steps = optimizer.decay != 1 and len(state) == len(expected) + 1
    if has_last_steps:
        expected.append((network.n_features,))
    if found != expected:
        raise ValueError(f"optimizer must have variables of the shapes {expected}, got {found}")
    n_steps, rate, *others = state
    averages, last_steps = others[:n_averages], others[n_averages:]
    is_whole = all(steps.dtype.kind in "iu" for steps in [n_steps, *last_steps])
    if not is_whole or any(array.dtype != np.float32 for array in [rate, *averages]):
        raise ValueError("optimizer must have whole numbers of steps, and float32 variables")
    if n_steps < 0 or any(((s < 0) | (s > n_steps)).any() for s in last_steps):
        raise ValueError("optimizer must have numbers of steps from 0 to that of its last step")


def settle_state(state):
    """Return a state in which every average has decayed up to the last step, as in Keras.

    ``state`` is that of a ``SparseTrainer``: Keras's variables in their order, and for RMSprop
    perhaps the last step of each row of the kernel. Other states, and None, stay as they are.
    """
    if state is None or state[-1].ndim == 0 or state[-1].dtype != np.int64:
        return state
    n_steps, rate, average, *others, last_steps = state
    optimizer = RMSprop()
    optimizer.n_steps = int(n_steps)
    _, average = optimizer.settle([None, average], last_steps)
    return [n_steps, rate, average, *others]
