"""Recipes: training configurations to start from, and public benchmarks to prove the whole pipeline on."""
