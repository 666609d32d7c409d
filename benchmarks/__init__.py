"""What the product does a second, measured beside what one would use in its place."""
