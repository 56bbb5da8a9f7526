"""A child process, ``python -m benchmarks._child``, which reads a task as JSON from stdin."""

import json
import os
import resource
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

from benchmarks._measure import Context, peak_mb, rotate


def main():
    """Run the jobs of the task and write their figures to stdout."""
    # keep the output of libraries out of the figures
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    task = json.load(sys.stdin)
    context = Context(Path(task["folder"]), task["seed"])
    works = [_prepare(job, context) for job in task["jobs"]]
    if task["warm_up"]:
        for work in works:
            _measure(work)
    rounds = []
    for number in range(task["rounds"]):
        figures = [None] * len(works)
        for position in rotate(range(len(works)), number):
            figures[position] = _measure(works[position])
        rounds.append(figures)
    peak = peak_mb(resource.getrusage(resource.RUSAGE_SELF))
    json.dump({"rounds": rounds, "peak_mb": peak}, output)
    output.close()


def _prepare(job, context):
    module, _, name = job["function"].partition(":")
    return getattr(import_module(module), name)(context, **job["parameters"])


def _measure(work):
    started = perf_counter()
    result = work.run()
    seconds = perf_counter() - started
    return {"seconds": seconds, **work.figures(result)}


if __name__ == "__main__":
    main()
