"""master: see specs/modules.rst for what lives here."""
