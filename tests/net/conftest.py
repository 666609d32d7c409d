"""A worker's public certificate, for tests of one TLS link."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from papertrader.ops.certificates import issue_worker_public, make_authority


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A worker's public certificate and its authority."""
    path = tmp_path_factory.mktemp("state")
    now = datetime.now(UTC)
    make_authority(path, now=now)
    issue_worker_public(path, "worker-1", now=now)
    return path
