"""How a field of the hashed state says that it came later than the first journals."""

from __future__ import annotations

from typing import Final

ADDED: Final = "added"
"""Metadata of a field that came later; at its default it is left out of the state's hash, so that
the hashes of older states stay good."""
NAMED: Final = "named"
"""Value of that metadata where another such field has the same type: the hash tells them apart by
their names. True otherwise."""
