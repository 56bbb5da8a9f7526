"""Run contenders on the same work in child processes; measure time and peak memory.

Modules that the parent process imports may import only the standard library, typer and rich at
the top, because on Linux a child's peak memory includes the memory of its parent.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
MEASURES = ("seconds", "peak_mb")


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    data: str = "imdb"
    repeat: int = 5
    quick: bool = False
    others: bool = False
    corpora: str | None = None
    corpus: tuple[str, ...] = ()
    contender: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    store: bool = False


@dataclass(frozen=True)
class Context:
    """The folder of the data and the seed, which every job gets."""

    folder: Path
    seed: int


@dataclass(frozen=True)
class Work:
    """Work to measure: ``run`` is timed, ``figures``, which takes its result, is not.

    A figure named "seconds" or "peak_mb" replaces the value that the child measures itself.
    """

    run: Callable[[], Any]
    figures: Callable[[Any], dict] = lambda result: {}


@dataclass(frozen=True)
class Contender:
    """One way to do the work of a group.

    A child process calls ``job(context, **parameters)``, which imports and prepares what it needs
    and returns a ``Work``. ``at_most`` is the upper bound for skimdb's ratio to the contender.
    ``rounds`` replaces the number of rounds of the command line, if ``isolated``.
    """

    name: str
    job: Callable[..., Work]
    parameters: dict = field(default_factory=dict)
    at_most: float | None = None
    rounds: int | None = None

    @property
    def job_description(self):
        """The job and its parameters, for the task of a child."""
        return describe_job(self.job, **self.parameters)


@dataclass(frozen=True)
class Group:
    """Contenders that do the same work; the first is compared with each of the others.

    If ``isolated``, each contender runs in its own process in each round. Otherwise one process
    runs all contenders one after the other, after an unmeasured round, and another process per
    contender measures its peak memory. The table shows medians of the figures in ``columns``, and
    the mean and standard deviation of those in ``means``, of which the largest is the best.
    """

    title: str
    work: str
    contenders: tuple[Contender, ...]
    isolated: bool = True
    measure: str = "seconds"
    columns: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    with_ratios: bool = True
    notes: Callable[[list[dict]], list[str]] = lambda rows: []


class UsageError(ValueError):
    """The options ask for something that is missing."""


class ChildError(RuntimeError):
    """A child process ended without a result."""


def describe_job(job, **parameters):
    """Describe the call ``job(context, **parameters)`` in JSON, for the task of a child."""
    return {"function": f"{job.__module__}:{job.__qualname__}", "parameters": parameters}


def run_child(jobs, *, folder, seed=0, rounds=1, warm_up=False):
    """Run jobs in a new process; return the figures by round and job, and its peak memory."""
    task = {
        "jobs": jobs,
        "folder": str(folder),
        "seed": seed,
        "rounds": rounds,
        "warm_up": warm_up,
    }
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks._child"],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if child.returncode != 0:
        lines = child.stderr.strip().splitlines()[-15:]
        raise ChildError("\n".join([f"a process ended with code {child.returncode}:", *lines]))
    return json.loads(child.stdout)


def run_group(group, *, folder, options, progress):
    """Measure all contenders of a group; return a row of results for each."""
    run = _run_in_new_processes if group.isolated else _run_in_one_process
    results, errors = run(group, folder, options.repeat, progress)
    rows = summarize(group, results, errors)
    if options.quick:
        # the upper bounds are for the full work
        rows = [{**row, "at_most": None} for row in rows]
    return rows


def rotate(items, number):
    """Return the items in the order of a round, which starts with a different item each time."""
    shift = number % len(items)
    return [*items[shift:], *items[:shift]]


def peak_mb(usage):
    """Return the peak memory in the resource usage of a process, in 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6


def summarize(group, results, errors):
    """Return a row for each contender: the figures of all rounds, medians and ratios."""
    rows = []
    for contender in group.contenders:
        runs = results[contender.name]
        row = {"name": contender.name, "at_most": contender.at_most}
        if contender.name in errors:
            row["error"] = errors[contender.name]
        for measure in MEASURES:
            row[measure] = [run[measure] for run in runs]
            row[f"median_{measure}"] = median(row[measure]) if runs else None
        names = dict.fromkeys(name for run in runs for name in run if name not in MEASURES)
        row["figures"] = {name: [run[name] for run in runs] for name in names}
        rows.append(row)
    subject, *peers = rows
    for row in peers if group.with_ratios else ():
        pairs = zip(subject[group.measure], row[group.measure], strict=False)
        row["ratios"] = [ours / theirs for ours, theirs in pairs]
        row["ratio"] = median(row["ratios"]) if row["ratios"] else None
    return rows


def _run_in_new_processes(group, folder, repeat, progress):
    results = {contender.name: [] for contender in group.contenders}
    errors = {}
    n_rounds = {contender.name: contender.rounds or repeat for contender in group.contenders}
    for number in range(max(n_rounds.values())):
        for contender in rotate(group.contenders, number):
            if contender.name in errors or number >= n_rounds[contender.name]:
                continue
            n = n_rounds[contender.name]
            progress(f"{group.title}: {contender.name}, round {number + 1} of {n}")
            try:
                result = run_child([contender.job_description], folder=folder, seed=number)
            except ChildError as error:
                # the dense script needs more memory than some machines have
                errors[contender.name] = str(error)
                continue
            [[figures]] = result["rounds"]
            results[contender.name].append({"peak_mb": result["peak_mb"], **figures})
    return results, errors


def _run_in_one_process(group, folder, repeat, progress):
    progress(f"{group.title}: all contenders, {repeat} rounds")
    jobs = [contender.job_description for contender in group.contenders]
    result = run_child(jobs, folder=folder, rounds=repeat, warm_up=True)
    results = {}
    for position, contender in enumerate(group.contenders):
        progress(f"{group.title}: peak memory of {contender.name}")
        peak = run_child([contender.job_description], folder=folder)["peak_mb"]
        results[contender.name] = [
            {"peak_mb": peak, **figures[position]} for figures in result["rounds"]
        ]
    return results, {}
