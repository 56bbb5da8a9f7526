"""Fuzz a reader with atheris by coverage: ``python -m fuzz.run npz -max_total_time=300``."""

import importlib
import logging
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris
from fuzz._outcome import RefusedError

READERS = ["skimdb", "tarfile", "zipfile", "gzip", "json", "numpy.lib"]
LIMITS = ["-max_len=65536", "-rss_limit_mb=2048", "-timeout=20"]


def main():
    """Run libFuzzer with the options of the command line."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=READERS):
        target = importlib.import_module(f"fuzz.fuzz_{name}")
    # tarfile and others log each error
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        corpus, files = Path(folder, "corpus"), Path(folder, "files")
        corpus.mkdir()
        files.mkdir()
        for number, seed in enumerate(target.seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)

        def read(data):
            with suppress(RefusedError):
                target.read(data, files)

        places = [] if options and not options[-1].startswith("-") else [str(corpus)]
        atheris.Setup([sys.argv[0], *LIMITS, *options, *places], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
