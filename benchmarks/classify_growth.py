"""Memory and throughput of `earshot classify` over a long file: both should stay flat from first to last.

python -m benchmarks.classify_growth --rows 1000000 [--model BUNDLE]

Repeats the posts of `benchmarks/texts.py`, watches the command from outside, and prints a line for each tenth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks.texts import Texts

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen at one moment: seconds since the start, rows done, resident MB."""

    seconds: float
    rows: int
    memory_mb: float


def main() -> None:
    """Write the file, classify it, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    texts = Texts.find()
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "posts.jsonl", Path(folder) / "judged.jsonl"
        with source.open("w", encoding="utf-8") as file:
            for number, text in enumerate(islice(cycle(texts.texts), arguments.rows)):
                file.write(json.dumps({"id": number, "text": text}) + "\n")
        looks = _watch(source, output, arguments.model)
        rows = sum(1 for _ in output.open("rb"))
    print(f"{rows} rows of {texts.name}, repeated; {arguments.model}")
    print(f"{'rows':>10} {'posts/s':>9} {'resident MB':>12}")
    step = max(1, len(looks) // 10)
    for before, now in zip(looks[::step], looks[step::step], strict=False):
        rate = (now.rows - before.rows) / (now.seconds - before.seconds)
        print(f"{now.rows:10} {rate:9.0f} {now.memory_mb:12.0f}")
    print(f"largest resident MB: {max(look.memory_mb for look in looks):.0f}")


def _watch(source: Path, output: Path, model: str) -> list[_Look]:
    """Run the command; its progress is told from the journal, a line a row after the header."""
    command = [sys.executable, "-m", "earshot", "classify", str(source), "-o", str(output), "--model", model]
    journal = output.with_name(f"{output.name}.partial.jsonl")
    started, looks = time.perf_counter(), list[_Look]()
    with subprocess.Popen(command) as process:
        done, position = 0, 0
        while process.poll() is None:
            time.sleep(_LOOK_S)
            if journal.is_file():
                with journal.open("rb") as file:
                    file.seek(position)
                    new = file.read()
                done, position = done + new.count(b"\n"), position + len(new)
            looks.append(_Look(time.perf_counter() - started, done, _resident_mb(process.pid)))
    if process.returncode:
        raise SystemExit(f"earshot classify ended with code {process.returncode}")
    return looks


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


if __name__ == "__main__":
    main()
