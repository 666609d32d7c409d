"""Findings on disk: a directory each, with the sequence, the oracle and the transcript."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from papertrader.fuzz import corpus
from papertrader.fuzz.corpus import CorpusError, Sequence, Step
from papertrader.fuzz.observe import Breach

FINDINGS_MAX: Final = 200
"""Findings kept of one run; what comes after is only counted."""
SEQUENCE_FILE: Final = "sequence.ptc"
TRANSCRIPT_FILE: Final = "transcript.ptc"
ABOUT_FILE: Final = "finding.json"


def kind_of(breach: Breach) -> str:
    """Return what makes two findings the same: the oracle and the text without its numbers.

    What would have been allowed does not count: it tells of the frame, not of the fault.
    """
    text = breach.text.partition("; allowed: ")[0]
    plain = "".join("#" if letter.isdigit() else letter for letter in text)
    return f"{breach.oracle}: {plain}"


def save(directory: Path, sequence: Sequence, breach: Breach, transcript: list[Step]) -> Path:
    """Write a finding; return its directory."""
    octets = corpus.dumps(sequence)
    digest = hashlib.sha256(kind_of(breach).encode() + octets).hexdigest()[:12]
    place = directory / f"{breach.oracle}-{digest}"
    place.mkdir(parents=True, exist_ok=True)
    (place / SEQUENCE_FILE).write_bytes(octets)
    told = Sequence(tuple(transcript[-corpus.STEPS_MAX :]), sequence.seed)
    (place / TRANSCRIPT_FILE).write_bytes(corpus.dumps(told))
    about = {
        "schema": 1, "oracle": breach.oracle, "text": breach.text, "seed": sequence.seed,
        "profile": sequence.name, "steps": len(sequence.steps), "octets": sequence.sent_octets,
    }  # fmt: skip
    (place / ABOUT_FILE).write_text(json.dumps(about, indent=1) + "\n")
    return place


def sequence_file(path: Path) -> Path:
    """Return the sequence of a finding's directory, or the file itself."""
    return path / SEQUENCE_FILE if path.is_dir() else path


def load(path: Path) -> Sequence:
    """Read a sequence from a file or a finding's directory; raises `CorpusError`."""
    file = sequence_file(path)
    try:
        return corpus.loads(file.read_bytes(), file.name)
    except OSError as error:
        raise CorpusError(f"{file} cannot be read ({error.strerror})") from None
    except CorpusError as error:
        raise CorpusError(f"{file}: {error}") from None


def load_all(directory: Path) -> list[Sequence]:
    """Read every sequence of a corpus directory, in the order of their names."""
    return [load(path) for path in sorted(directory.glob("*.ptc"))]


def wanted_oracle(path: Path) -> str:
    """Return which oracle a finding's directory names; empty for a bare file."""
    about = path / ABOUT_FILE if path.is_dir() else path.parent / ABOUT_FILE
    try:
        return str(json.loads(about.read_text())["oracle"])
    except (OSError, ValueError, KeyError):
        return ""
