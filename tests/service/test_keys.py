from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.errors import SettingsError
from service.key_command import key as key_command
from service.keys import KeyRing, key_line, new_key


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def write(path: Path, **keys: str) -> None:
    path.write_text("# who may ask\n\n" + "".join(key_line(name, key) + "\n" for name, key in keys.items()))


def test_a_key_is_known_by_its_name_and_others_are_not(path: Path) -> None:
    write(path, crm="k1", mail="k2")
    ring = KeyRing(path)
    assert [ring.name_of(key) for key in ("k1", "k2", "k3", "", "\udcff")] == ["crm", "mail", None, None, None]


def test_no_key_stands_in_the_file(path: Path) -> None:
    made = new_key()
    write(path, crm=made)
    assert made not in path.read_text()
    assert len({new_key() for _ in range(100)}) == 100


def test_keys_come_and_go_without_a_restart(path: Path) -> None:
    clock = Clock()
    outcomes: list[str] = []
    write(path, old="k1")
    ring = KeyRing(path, reloaded=outcomes.append, clock=clock)
    write(path, old="k1", new="k2")
    clock.now += 2
    assert ring.name_of("k2") == "new"
    write(path, new="k2")
    clock.now += 2
    assert ring.name_of("k1") is None
    assert outcomes == ["read", "read"]


@pytest.mark.parametrize("content", [b"crm:sha256:short\n", b"k1\n", b"\xff\n", None])
def test_a_file_that_went_bad_changes_nothing(
    path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    outcomes: list[str] = []
    write(path, crm="k1")
    ring = KeyRing(path, reloaded=outcomes.append, clock=clock)
    path.unlink() if content is None else path.write_bytes(content)
    clock.now += 2
    assert ring.name_of("k1") == "crm"
    assert ring.name_of("k1") == "crm"
    assert outcomes == ["refused"]
    assert "the keys stay as they are" in caplog.text


def test_a_bad_file_is_refused_at_the_start_with_the_line_named(path: Path) -> None:
    path.write_text("# fine\ncrm=k1\n")
    with pytest.raises(SettingsError, match="line 2"):
        KeyRing(path)
    with pytest.raises(SettingsError, match="No such file"):
        KeyRing(path.with_name("nothing"))


def test_the_command_makes_a_key_and_its_line(path: Path) -> None:
    done = CliRunner().invoke(key_command, ["crm"])
    assert done.exit_code == 0
    path.write_text(done.stdout)
    made = done.stderr.split()[-1]
    assert KeyRing(path).name_of(made) == "crm"
    assert made not in done.stdout


def test_a_name_that_would_spoil_the_file_is_refused(path: Path) -> None:
    with pytest.raises(SettingsError, match="no name for a key"):
        key_line("a:b", "k1")
