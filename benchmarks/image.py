"""What the image holds: runs the very steps of the Dockerfile's first stage in a clean folder, and measures the result.

python -m benchmarks.image [--max-mb 320] [--max-ready-s 3] [--max-resident-mb 260]

The folder is filled by the Dockerfile's COPY lines from the tracked files that .dockerignore admits; RUN is run as it
stands, with /opt/earshot in the folder. Then the service is started as the second stage's ENV says, as a user who owns
nothing but the folder of corrections, is asked for what it should do, and its memory is read at rest. Exits 1 when a
limit is passed. Needs the package registry that pip is set up for, but no Docker.
"""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[1]
TARGET = "/opt/earshot"
_WITHIN_S = 120
_REST_S = 10


@dataclass(frozen=True, slots=True)
class Stages:
    """What the Dockerfile says.

    Attributes:
        copied: Sources of the first stage's COPY lines, and where each goes.
        arguments: Its ARGs, with their defaults.
        run: Its RUN command.
        environment: The second stage's ENV.
        command: Its CMD.
    """

    copied: tuple[tuple[str, str], ...]
    arguments: dict[str, str]
    run: str
    environment: dict[str, str]
    command: tuple[str, ...]

    @classmethod
    def read(cls, path: Path = ROOT / "Dockerfile") -> Stages:
        """Read the Dockerfile, as far as it is used here."""
        text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        instructions = re.findall(r"^([A-Z]+) (.*)$", text.replace("\\\n", " "), re.MULTILINE)
        begin = [number for number, (word, _) in enumerate(instructions) if word == "FROM"]
        first, second = instructions[begin[0] : begin[1]], instructions[begin[1] :]
        copied = [words.split() for word, words in first if word == "COPY"]
        (run,) = (words for word, words in first if word == "RUN")
        (environment,) = (words for word, words in second if word == "ENV")
        (command,) = (words for word, words in second if word == "CMD")
        return cls(
            copied=tuple((source, target) for *sources, target in copied for source in sources),
            arguments=dict(words.split("=", 1) for word, words in first if word == "ARG"),
            run=run,
            environment=dict(pair.split("=", 1) for pair in environment.split()),
            command=tuple(re.findall(r'"([^"]*)"', command)),
        )


def context() -> list[str]:
    """The tracked files that .dockerignore admits, as it is written here: everything out, then some in again."""
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line]
    admitted = [line[1:] for line in lines if line.startswith("!")]
    refused = [line for line in lines if not line.startswith("!") and line != "*"]
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [
        name
        for name in tracked.split("\0")
        if name
        and any(fnmatch(name, pattern) for pattern in admitted)
        and not any(fnmatch(name, pattern.removeprefix("**/")) for pattern in refused)
    ]


def main() -> None:
    """Build, start, ask, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-mb", type=float, default=320)
    parser.add_argument("--max-ready-s", type=float, default=3)
    parser.add_argument("--max-resident-mb", type=float, default=260)
    arguments = parser.parse_args()
    stages = Stages.read()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        target = _build(stages, Path(folder))
        figures = {"installed MB": (_size_mb(target), arguments.max_mb)}
        ready_s, resident_mb = _serve(stages, target, Path(folder))
        figures["ready after s"] = (ready_s, arguments.max_ready_s)
        figures["resident MB at rest"] = (resident_mb, arguments.max_resident_mb)
        _show_largest(target)
    for name, (figure, limit) in figures.items():
        print(f"{name:>20} {figure:7.1f} (at most {limit:g})")
    sys.exit(any(figure > limit for figure, limit in figures.values()))


def _build(stages: Stages, folder: Path) -> Path:
    source, target = folder / "src", folder / "earshot"
    files = context()
    for what, _ in stages.copied:
        for name in (name for name in files if name == what or name.startswith(f"{what}/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    command = stages.run.replace(TARGET, str(target))
    command = command.replace("python -m venv", f"{_python()} -m venv").replace(
        "python -m pip", f"{sys.executable} -m pip"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | stages.arguments
    print(command)
    subprocess.run(["bash", "-euc", command], cwd=source, env=environment, check=True)
    return target


def _python() -> str:
    """The system's Python where there is one: anybody may run it, unlike one in somebody's home."""
    version = f"python3.{sys.version_info.minor}"
    return next(
        (str(path) for path in (Path("/usr/bin") / version, Path("/usr/local/bin") / version) if path.exists()),
        sys.executable,
    )


def _serve(stages: Stages, target: Path, folder: Path) -> tuple[float, float]:
    """Seconds until it is ready, and resident MB at rest."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    user = None
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody").pw_uid
        os.chown(state, user, -1)
        if not (target / "bin" / "python").resolve().is_relative_to("/usr"):
            print("served as root: nobody else may run this Python")
            user = None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        name: value.replace(TARGET, str(target)).replace("/var/lib/earshot", str(state)).replace(":$PATH", ":/usr/bin")
        for name, value in stages.environment.items()
    } | {"EARSHOT_PORT": str(port), "EARSHOT_HOST": "127.0.0.1"}
    program, *rest = stages.command
    started = time.monotonic()
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [target / "bin" / program, *rest], env=environment, cwd=state, user=user, stdout=log, stderr=log
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, folder / "log")
            ready_s = time.monotonic() - started
            _ask(url)
            time.sleep(_REST_S)
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            resident = re.search(r"VmRSS:\s+(\d+) kB", status)
        finally:
            process.terminate()
    return ready_s, int(resident[1]) / 1024 if resident else float("nan")


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx2.get(f"{url}/readyz").is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.01)
    raise SystemExit(f"the service did not get ready:\n{log.read_text(encoding='utf-8')}")


def _ask(url: str) -> None:
    """Ask for what lies in files of the package, not just in its modules."""
    with httpx2.Client(base_url=url, timeout=30) as client:
        answer = client.post("/v1/classify", json={"posts": ["You took 14.99 twice today"]}).raise_for_status().json()
        result = answer["results"][0]
        correction = {
            "text": "You took 14.99 twice today",
            "prediction": {"model_digest": answer["model"]["digest"], "category": result["category"]},
            "correction": {"category": "billing"},
        }
        client.post("/v1/feedback", json=correction).raise_for_status()
        for path in ("/", "/assets/page.js", "/docs", "/openapi.json", "/metrics"):
            client.get(path).raise_for_status()


def _size_mb(folder: Path) -> float:
    """As it lies on disk, in blocks."""
    entries = [folder, *folder.rglob("*")]
    return sum(entry.lstat().st_blocks * 512 for entry in entries) / 1024**2


def _show_largest(target: Path) -> None:
    (packages,) = target.glob("lib/python3*/site-packages")
    sizes = sorted(((_size_mb(entry), entry.name) for entry in packages.iterdir()), reverse=True)
    print(", ".join(f"{name} {size:.0f}" for size, name in sizes[:12]), "MB")


if __name__ == "__main__":
    main()
