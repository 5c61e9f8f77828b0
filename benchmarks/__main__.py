"""Run the benchmarks, each in a process of its own so that none warms up or burdens another."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import benchmarks
from benchmarks._measure import Figure, measured


def modules() -> list[str]:
    """Every module that can be run."""
    return sorted(found.name for found in pkgutil.iter_modules(benchmarks.__path__) if not found.name.startswith("_"))


def _beside(figure: Figure) -> str:
    return "" if figure.get("floor") is None else f"  floor {figure['floor']:.4g}  ratio {figure['ratio']:.2f}"


def main() -> None:
    """Print each figure as it comes; write them all at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("--json", type=Path, help="write {name: {value, unit, floor, ratio}} there")
    parser.add_argument("--only", choices=modules(), action="append", help="run this module alone; may be repeated")
    given = parser.parse_args()
    figures: dict[str, Figure] = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for module in given.only or modules():
            for name, figure in pool.submit(measured, module).result().items():
                figures[name] = figure
                print(f"{name:32} {figure['value']:>12.4g} {figure['unit']}{_beside(figure)}", flush=True)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
