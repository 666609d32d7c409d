"""The product's servers as the benchmarks run them."""
