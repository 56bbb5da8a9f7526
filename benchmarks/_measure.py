"""Contenders in turn on the same work, in child processes; times, ratios and peak memory.

Nothing here, or wherever else the parent process comes, imports more than the standard library,
typer and rich: Linux counts the parent's memory into the peak that a child reports.
"""

import json
import os
import resource
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
    """What the command line asks for."""

    data: str = "imdb"
    repeat: int = 5
    quick: bool = False
    others: bool = False


@dataclass(frozen=True)
class Context:
    """What a job is told beside its own parameters: the folder of the data, and a seed."""

    folder: Path
    seed: int


@dataclass(frozen=True)
class Work:
    """What a job has prepared: ``run`` is timed; ``figures`` of its result are not.

    A figure named "seconds" or "peak_mb" takes the place of what the child measures itself.
    """

    run: Callable[[], Any]
    figures: Callable[[Any], dict] = lambda result: {}


@dataclass(frozen=True)
class Contender:
    """One way to do a group's work.

    ``job(context, **parameters)`` is called in a child process, imports and prepares what it
    needs, and returns a ``Work``. ``at_most`` is what skimdb's ratio to it should not exceed.
    """

    name: str
    job: Callable[..., Work]
    parameters: dict = field(default_factory=dict)
    at_most: float | None = None

    @property
    def call(self):
        """The job and its parameters, as a child is told of them."""
        return call(self.job, **self.parameters)


@dataclass(frozen=True)
class Group:
    """Contenders that do the same work; the first is skimdb, where others stand beside it.

    With ``fresh``, each contender has a process of its own in each round. Otherwise one process
    runs all of them in turn, once unmeasured before, and a process for each finds its peak memory.
    """

    title: str
    work: str
    contenders: tuple[Contender, ...]
    fresh: bool = True
    measure: str = "seconds"
    columns: tuple[str, ...] = ()
    compared: bool = True
    notes: Callable[[list[dict]], list[str]] = lambda rows: []


class ChildError(RuntimeError):
    """A child process that ended without a result."""


def call(job, **parameters):
    """Return what to tell a child for it to call ``job(context, **parameters)``."""
    return {"job": f"{job.__module__}:{job.__qualname__}", "parameters": parameters}


def run_child(calls, *, folder, seed=0, rounds=1, warm_up=False):
    """Run jobs in turn in a new process; return its figures by round and job, and its peak."""
    task = {
        "calls": calls,
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
    runs = _fresh_runs if group.fresh else _runs_in_turn
    results, errors = runs(group, folder, options.repeat, progress)
    rows = summarised(group, results, errors)
    if options.quick:
        # the aims are for the whole work
        rows = [{**row, "at_most": None} for row in rows]
    return rows


def rotated(items, number):
    """Return the items in the order of a round, so that none is always the first."""
    shift = number % len(items)
    return [*items[shift:], *items[:shift]]


def peak_mb():
    """Return the peak memory of this process, in 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def summarised(group, results, errors):
    """Return a row for each contender: every figure of every round, medians and ratios."""
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
    for row in peers if group.compared else ():
        pairs = zip(subject[group.measure], row[group.measure], strict=False)
        row["ratios"] = [ours / theirs for ours, theirs in pairs]
        row["ratio"] = median(row["ratios"]) if row["ratios"] else None
    return rows


def _fresh_runs(group, folder, repeat, progress):
    results = {contender.name: [] for contender in group.contenders}
    errors = {}
    for number in range(repeat):
        for contender in rotated(group.contenders, number):
            if contender.name in errors:
                continue
            progress(f"{group.title}: {contender.name}, round {number + 1} of {repeat}")
            try:
                outcome = run_child([contender.call], folder=folder, seed=number)
            except ChildError as error:
                # such as the dense script on a machine of little memory: the others go on
                errors[contender.name] = str(error)
                continue
            [[figures]] = outcome["rounds"]
            results[contender.name].append({"peak_mb": outcome["peak_mb"], **figures})
    return results, errors


def _runs_in_turn(group, folder, repeat, progress):
    progress(f"{group.title}: all in turn, {repeat} rounds")
    calls = [contender.call for contender in group.contenders]
    outcome = run_child(calls, folder=folder, rounds=repeat, warm_up=True)
    results = {}
    for position, contender in enumerate(group.contenders):
        progress(f"{group.title}: peak memory of {contender.name}")
        peak = run_child([contender.call], folder=folder)["peak_mb"]
        results[contender.name] = [
            {"peak_mb": peak, **figures[position]} for figures in outcome["rounds"]
        ]
    return results, {}
