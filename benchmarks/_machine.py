"""What the figures depend on: the machine, and the versions of what ran."""

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
    "scikit-learn",
    "tensorflow",
    "keras",
    "scikeras",
    "joblib",
)


def machine():
    """Return cores, CPU model, memory, GPUs and system."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(cores),
        "cpu": _cpu_model(),
        "memory_gb": round(memory / 1e9, 1),
        "gpus": _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines(),
        "system": platform.platform(),
    }


def versions():
    """Return the version of Python and of each package, and the commit of the checkout."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    found["commit"] = _output("git", "-C", str(ROOT), "describe", "--always", "--dirty") or None
    return found


def _cpu_model():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _output(*command):
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
