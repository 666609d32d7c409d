"""The terminal program: its screen, its ticket, its help."""
