"""The machine and the versions of the packages, on which the figures depend."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks._measure import ROOT

PACKAGES = (
    "skimdb",
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "tensorflow",
    "keras",
    "scikeras",
    "joblib",
    "fasttext-numpy2-wheel",
    "vowpalwabbit",
)


def describe_machine():
    """Return number of cores, CPU model, memory, GPUs and operating system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": count_cores(),
        "cpu": _find_cpu_model(),
        "memory_gb": round(memory / 1e9, 1),
        "gpus": _run_command(
            "nvidia-smi", "--query-gpu=name", "--format=csv,noheader"
        ).splitlines(),
        "system": platform.platform(),
    }


def count_cores():
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def find_versions():
    """Return the versions of Python and of each package, and the commit of the checkout."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    versions["commit"] = (
        _run_command("git", "-C", str(ROOT), "describe", "--always", "--dirty") or None
    )
    return versions


def _find_cpu_model():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _run_command(*command):
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
