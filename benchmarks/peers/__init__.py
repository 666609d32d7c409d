"""What one would use in the product's place, and floors below which no server can come.

Each file is a program; the one that starts it says in its docstring which settings it runs with.
"""
