from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from earshot.errors import FeedbackError, IdempotencyKeyReusedError
from earshot.feedback.store import FeedbackStore, parse_database
from tests.feedback import correction


def test_what_was_kept_is_there_when_the_database_is_opened_again(database: str) -> None:
    first = FeedbackStore.open(database)
    kept = [
        first.keep(correction(f"post {number} 😀", secondary=("complaint",), urgency="high")) for number in range(3)
    ]
    first.close()
    second = FeedbackStore.open(database)
    assert list(second.corrections()) == kept
    second.close()


def test_a_correction_is_kept_with_the_time_and_an_id_of_its_own(store: FeedbackStore) -> None:
    one, other = store.keep(correction()), store.keep(correction())
    assert one.id != other.id
    assert one.received_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - one.received_at) < timedelta(minutes=5)


def test_the_same_key_with_the_same_correction_is_kept_once(store: FeedbackStore) -> None:
    first = store.keep(correction(key="k"))
    again = store.keep(correction(key="k"))
    assert again == first
    assert (first.repeated, again.repeated) == (False, True)
    assert list(store.corrections()) == [first]


def test_the_same_key_with_another_correction_is_refused(store: FeedbackStore) -> None:
    first = store.keep(correction(key="k"))
    with pytest.raises(IdempotencyKeyReusedError):
        store.keep(correction(category="praise", key="k"))
    assert list(store.corrections()) == [first]


def test_keys_are_each_callers_own(store: FeedbackStore) -> None:
    store.keep(correction(key="k", caller="desk"))
    store.keep(correction(category="praise", key="k", caller="shop"))
    assert len(list(store.corrections())) == 2


def test_the_same_key_from_many_threads_is_kept_once_and_all_get_the_same_answer(store: FeedbackStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda number: store.keep(correction(key=f"k{number % 4}")), range(32)))
    assert len({one.id for one in kept}) == 4
    assert len(list(store.corrections())) == 4


def test_several_processes_may_open_a_new_database_at_once(database: str) -> None:
    code = "import sys; from earshot.feedback.store import FeedbackStore; FeedbackStore.open(sys.argv[1]).close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, database], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said


def test_a_file_is_made_with_its_folder_and_read_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "feedback.db"
    store = FeedbackStore.open(f"sqlite:///{path}")
    store.keep(correction())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    store.close()
    assert modes
    assert set(modes.values()) == {0o600}


def test_a_home_folder_may_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_database("sqlite:///~/x/feedback.db").database == str(tmp_path / "x" / "feedback.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feedback.db"
    path.write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(FeedbackError, match=r"feedback\.db"):
        FeedbackStore.open(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FeedbackError, match="cannot write to the feedback database"):
        FeedbackStore.open(f"sqlite:///{tmp_path}/file/feedback.db")


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "feedback.db"
    FeedbackStore.open(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from the future'")
    connection.close()
    with pytest.raises(FeedbackError, match="newer version"):
        FeedbackStore.open(f"sqlite:///{path}")


def test_a_server_that_is_not_there_is_told_of_without_the_password() -> None:
    with pytest.raises(FeedbackError, match="user:\\*\\*\\*@") as caught:
        FeedbackStore.open("postgresql://user:secret@127.0.0.1:9/feedback")
    assert "secret" not in str(caught.value)
    assert "refused" in str(caught.value)


@pytest.mark.parametrize("url", ["", "feedback.db", "mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_what_names_no_usable_database_is_refused(url: str) -> None:
    with pytest.raises(FeedbackError, match="sqlite:///"):
        FeedbackStore.open(url)


def test_what_goes_wrong_is_told_of_without_the_post(store: FeedbackStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store.keep(correction("xyzzy"))

    class Same:
        hex = kept.id

    monkeypatch.setattr("earshot.feedback.store.uuid.uuid4", Same)  # the id that cannot come twice comes twice
    with pytest.raises(FeedbackError, match=IntegrityError.__name__) as caught:
        store.keep(correction("xyzzy"))
    assert "xyzzy" not in str(caught.value)
