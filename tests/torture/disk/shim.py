"""What is preloaded, compiled when needed: ``shim.c`` records files, ``steps.c`` steps clocks."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


class NoCompiler(Exception):
    """There is no C compiler, or it cannot make the recorder; the text says what was tried."""


@functools.cache
def library(source: Path = SOURCE) -> Path:
    """Compile a source once in this process, the recorder; return the shared library to preload.

    Raises `NoCompiler`.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("no C compiler: none of cc, gcc, clang is installed")
    place = Path(tempfile.mkdtemp(prefix="papertrader-shim-")) / "shim.so"
    command = [
        compiler,
        "-shared",
        "-fPIC",
        "-O2",
        "-o",
        str(place),
        str(source),
        "-ldl",
        "-lpthread",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoCompiler(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return place
