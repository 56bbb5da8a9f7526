"""Files that may be damaged or hostile."""

from contextlib import contextmanager


@contextmanager
def opened(path, form):
    """Open a file; whatever its content sets off becomes one ValueError that names it.

    Decompressors, parsers and the unpickler raise nearly any class of error on bad bytes.
    """
    with path.open("rb") as file:
        try:
            yield file
        except Exception as error:
            reason = str(error).removesuffix(".") or type(error).__name__
            raise ValueError(f"{path} cannot be read as {form}: {reason}.") from error
