"""The protocol's fuzz harness: knows the wire alone, so it works against any implementation."""
