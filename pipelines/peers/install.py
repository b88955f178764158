"""The peers' own environment: old versions of scientific packages that this project must not depend on.

``RCAEval``'s declared extras pin 160 distributions, some without a wheel for current Pythons; ``sfr-pyrca`` demands
``javabridge``, which has to be compiled against a JDK, and scikit-learn below 1.2. Both run on the versions below, so
their own demands are not followed (``--no-deps``). RCAEval's RCD needs a patched causal-learn that no index has:
the RCD here is PyRCA's copy of its authors' code.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from data.datasets.archive import cache_folder
from data.errors import ConfigError

NEEDS = (
    "numpy>=1.26,<2",
    "pandas>=2.2,<2.3",
    "scikit-learn>=1.5,<1.6",
    "scipy>=1.13,<1.14",
    "networkx>=3.2,<3.3",
    "causal-learn>=0.1.3.8,<0.2",
    "matplotlib>=3.9,<3.10",
    "statsmodels>=0.14,<0.15",
    "dill>=0.3",
    "packaging",
    "pyyaml>=6",
    "requests>=2.31",
    "schema>=0.7",
    "setuptools<81",  # PyRCA reads its version through pkg_resources
    "tqdm>=4.66",
)
LIBRARIES = ("RCAEval==1.8.1", "sfr-pyrca==1.0.1")


def version() -> str:
    """A name for this set of packages: answers of another set are not reused."""
    return hashlib.sha256("\n".join((*NEEDS, *LIBRARIES, sys.version)).encode()).hexdigest()[:12]


def folder() -> Path:
    """Where the environment lies: beside the unpacked data sets, outside any repository."""
    return cache_folder().parent / "peers" / version()


def python() -> Path | None:
    """The interpreter of the peers' environment; None where it was not installed."""
    path = folder() / "bin" / "python"
    return path if path.exists() and (folder() / ".installed").exists() else None


def install() -> Path:
    """Makes the environment, once.

    Returns:
        its interpreter.

    Raises:
        ConfigError: when the packages cannot be had, with what pip said last.
    """
    found = python()
    if found is not None:
        return found
    venv.create(folder(), with_pip=True, clear=True)
    made = folder() / "bin" / "python"
    for arguments in (NEEDS, ("--no-deps", *LIBRARIES)):
        _pip(made, arguments)
    (folder() / ".installed").touch()
    return made


def _pip(interpreter: Path, arguments: tuple[str, ...]) -> None:
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line]
        reason = " ".join(said[-2:]) or f"pip exited {done.returncode}"
        raise ConfigError(f"the peers cannot be installed ({reason}); benchmarks run without them: --peers none")
