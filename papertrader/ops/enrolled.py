"""A worker that was enrolled: who it is and where its master is, in a file of its own state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import attrs

from papertrader.ops.files import PRIVATE_FILE, replace_file

FILE: Final = "enrolled.json"


@attrs.frozen(kw_only=True)
class EnrolledWorker:
    """Name, number and UUID of the worker of a state directory, and its master's address."""

    name: str
    worker_id: int
    uuid: str
    master_host: str
    master_port: int


def read_enrolled(state: Path) -> EnrolledWorker | None:
    """Return the worker of a state directory, None if none was enrolled in it.

    Raises `ValueError` with a sentence if the file cannot be used.
    """
    path = state / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return EnrolledWorker(
            name=str(content["name"]),
            worker_id=int(content["worker_id"]),
            uuid=str(content["uuid"]),
            master_host=str(content["master_host"]),
            master_port=int(content["master_port"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path} cannot be used ({error}); enroll the worker again") from None


def write_enrolled(state: Path, worker: EnrolledWorker) -> None:
    """Note who the worker of a state directory is. Raises `OSError`."""
    text = json.dumps(attrs.asdict(worker), indent=1) + "\n"
    replace_file(state / FILE, text.encode(), PRIVATE_FILE)
