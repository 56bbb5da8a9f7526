"""A child process: ``python -m benchmarks._child`` with a task in JSON on its standard input."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

from benchmarks._measure import Context, peak_mb, rotated


def main():
    """Run the jobs of the task in turn and write their figures to the standard output."""
    # what libraries print must not get between the figures
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    task = json.load(sys.stdin)
    context = Context(Path(task["folder"]), task["seed"])
    works = [_prepared(call, context) for call in task["calls"]]
    if task["warm_up"]:
        for work in works:
            _measured(work)
    rounds = []
    for number in range(task["rounds"]):
        figures = [None] * len(works)
        for position in rotated(range(len(works)), number):
            figures[position] = _measured(works[position])
        rounds.append(figures)
    json.dump({"rounds": rounds, "peak_mb": peak_mb()}, output)
    output.close()


def _prepared(call, context):
    module, _, name = call["job"].partition(":")
    return getattr(import_module(module), name)(context, **call["parameters"])


def _measured(work):
    started = perf_counter()
    result = work.run()
    seconds = perf_counter() - started
    return {"seconds": seconds, **work.figures(result)}


if __name__ == "__main__":
    main()
