from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from earshot.cpu import available_cpus, sums_products_exactly

AFFINITY = available_cpus(Path("/nonexistent"))


def cgroup(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def v1(quota: int, period: int) -> dict[str, str]:
    return {"cpu/cpu.cfs_quota_us": f"{quota}\n", "cpu/cpu.cfs_period_us": f"{period}\n"}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "max 100000\n"},
        {"cpu.max": "nonsense"},
        {"cpu.max": "100000 0\n"},
        {"cpu.max": "99900000 100000\n"},
        v1(-1, 100_000),
        v1(100_000, 0),
        {"cpu/cpu.cfs_quota_us": "100000\n"},
    ],
)
def test_without_a_tighter_quota_the_affinity_counts(tmp_path: Path, files: dict[str, str]) -> None:
    assert available_cpus(cgroup(tmp_path, files)) == AFFINITY


@pytest.mark.parametrize(
    "files",
    [{"cpu.max": "100000 100000\n"}, {"cpu.max": "150000 100000\n"}, v1(100_000, 100_000), v1(199_999, 100_000)],
)
def test_a_quota_counts_in_whole_processors(tmp_path: Path, files: dict[str, str]) -> None:
    assert available_cpus(cgroup(tmp_path, files)) == 1


def test_a_quota_below_one_processor_still_gives_one(tmp_path: Path) -> None:
    assert available_cpus(cgroup(tmp_path, {"cpu.max": "20000 100000\n"})) == 1


def test_the_affinity_is_not_the_hosts_count() -> None:
    assert 1 <= AFFINITY <= (os.cpu_count() or 1)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only an x86 may lack it")
@pytest.mark.parametrize(
    ("flags", "exact"),
    [("sse4_2 avx2 fma", False), ("avx2 avx512_vnni", True), ("avx2 avx_vnni", True), ("avx512vl", False)],
)
def test_a_processor_sums_exactly_when_it_says_that_it_has_vnni(tmp_path: Path, flags: str, exact: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n")
    assert sums_products_exactly(cpuinfo) is exact
    assert sums_products_exactly(tmp_path / "missing") is False
