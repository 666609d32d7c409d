"""The documentation: ``make docs``. The source directory is the checkout itself, so that the
specifications are read where they stand."""

from __future__ import annotations

from papertrader import __version__

project = "PaperTrader"
author = "The PaperTrader developers"
copyright = "2026, the PaperTrader developers"  # noqa: A001 (Sphinx's name)
release = version = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.intersphinx", "sphinx_click"]
include_patterns = ["docs/**", "specs/*.rst", "specs/decisions/*.rst", "CONTRIBUTING.rst"]
root_doc = "docs/index"

html_theme = "furo"
html_title = "PaperTrader"
html_copy_source = False
html_static_path: list[str] = []

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
# Docstrings quote code in single backquotes, as this house does everywhere.
default_role = "code"
# No network is asked while the documentation is built.
intersphinx_mapping: dict[str, tuple[str, None]] = {}
