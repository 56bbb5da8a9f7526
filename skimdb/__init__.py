"""skimdb: a small, fast dense network behind the scikit-learn interface, for texts.

Names are loaded at their first use, so ``import skimdb`` is quick and imports no TensorFlow.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
