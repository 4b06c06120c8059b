from __future__ import annotations

from pathlib import Path

import pytest

from eval.behaviour import Case, digest_of_files, read_checks
from eval.errors import SuiteError
from eval.suite import SHIPPED
from tests.eval.data import TAXONOMY

SHIPPED_TESTS = SHIPPED / "behaviour"


def _file(tmp_path: Path, test: str, words: str = "") -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(f'capability = "mine"\n[words]\n{words}\n[[tests]]\n{test}\n', encoding="utf-8")
    return path


def _cases(tmp_path: Path, test: str, words: str = "") -> tuple[Case, ...]:
    (check,) = read_checks(_file(tmp_path, test, words), TAXONOMY)
    return check.cases


MINIMUM = 'name = "t"\nkind = "minimum"\nexpect = { category = "billing" }\n'
INVARIANCE = 'name = "t"\nkind = "invariance"\nexpect = { same_category = true }\n'


def test_slots_are_filled_in_every_way(tmp_path: Path) -> None:
    words = 'shop = ["A", "B"]\ntimes = ["twice", "2x"]'
    cases = _cases(tmp_path, MINIMUM + 'posts = ["{shop} charged me {times}.", "{shop}?"]', words)
    assert {case.text for case in cases} == {
        "A charged me twice.",
        "A charged me 2x.",
        "B charged me twice.",
        "B charged me 2x.",
        "A?",
        "B?",
    }
    assert {case.base for case in cases} == {None}


def test_a_test_may_have_words_of_its_own(tmp_path: Path) -> None:
    cases = _cases(tmp_path, MINIMUM + 'posts = ["{shop}"]\nwords.shop = ["C"]', 'shop = ["A", "B"]')
    assert [case.text for case in cases] == ["C"]


def test_too_many_cases_are_drawn_the_same_every_time_from_every_template(tmp_path: Path) -> None:
    words = f"n = {[str(number) for number in range(50)]}"
    test = MINIMUM + 'cases = 10\nposts = ["first {n} {n}", "second {n}"]'
    once, again = _cases(tmp_path, test, words), _cases(tmp_path, test, words)
    assert once == again
    assert sum(case.text.startswith("first") for case in once) == 5
    assert len(once) == 10


def test_a_varied_word_is_replaced_by_each_of_the_others(tmp_path: Path) -> None:
    words = 'brand = ["A", "B", "C"]'
    cases = _cases(tmp_path, INVARIANCE + 'vary = "brand"\nposts = ["{brand} and {brand}"]', words)
    assert set(cases) == {Case("B and B", "A and A"), Case("C and C", "A and A")}


def test_something_is_added_at_either_end(tmp_path: Path) -> None:
    cases = _cases(tmp_path, INVARIANCE + 'append = [" x", " y"]\nprepend = ["z "]\nposts = ["p"]')
    assert set(cases) == {Case("p x", "p"), Case("p y", "p"), Case("z p", "p")}


def test_a_perturbation_is_named(tmp_path: Path) -> None:
    assert _cases(tmp_path, INVARIANCE + 'change = "capitals"\nposts = ["p"]') == (Case("P", "p"),)


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        (MINIMUM + 'posts = ["{nobody}"]', "no words are called 'nobody'"),
        (MINIMUM.replace("billing", "spam") + 'posts = ["p"]', "test 't': unknown category 'spam'"),
        (MINIMUM + 'posts = ["p"]\nchange = "capitals"', "changes nothing and compares with nothing"),
        (INVARIANCE + 'posts = ["p"]', "give one of change, vary, and append or prepend"),
        (INVARIANCE + 'posts = ["p"]\nchange = "upside_down"', "unknown change 'upside_down'"),
        (INVARIANCE + 'posts = ["P"]\nchange = "capitals"', "leaves every post as it was"),
        ('name = "t"\nkind = "minimum"\nexpect = {}\nposts = ["p"]', "expects nothing"),
        (MINIMUM + "posts = []", "tests.0.posts"),
    ],
)
def test_a_test_that_cannot_be_run_is_refused_with_its_place(tmp_path: Path, test: str, complaint: str) -> None:
    with pytest.raises(SuiteError, match=r"mine\.toml") as refused:
        read_checks(_file(tmp_path, test), TAXONOMY)
    assert complaint in str(refused.value)


def test_two_tests_of_the_same_name_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, MINIMUM + 'posts = ["p"]\n[[tests]]\n' + MINIMUM + 'posts = ["q"]')
    with pytest.raises(SuiteError, match="more than one test is called 't'"):
        read_checks(path, TAXONOMY)


def test_a_folder_without_tests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="holds no behaviour tests"):
        read_checks(tmp_path, TAXONOMY)


def test_the_digest_changes_with_any_file(tmp_path: Path) -> None:
    path = _file(tmp_path, MINIMUM + 'posts = ["p"]')
    before = digest_of_files(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert digest_of_files(tmp_path) != before


def test_the_shipped_tests_are_many_and_cover_every_label_and_kind() -> None:
    checks = read_checks(SHIPPED_TESTS, TAXONOMY)
    assert len(checks) >= 60
    assert sum(len(check.cases) for check in checks) >= 1500
    assert {check.kind for check in checks} == {"minimum", "invariance", "directional"}
    named = {label for check in checks for label in check.expect.labels()}
    assert named >= {("category", name) for name in TAXONOMY.category_names}
    assert named >= {("urgency", name) for name in TAXONOMY.urgency_names}


def test_no_shipped_case_has_a_slot_left_open() -> None:
    texts = [case.text for check in read_checks(SHIPPED_TESTS, TAXONOMY) for case in check.cases]
    assert not [text for text in texts if "{" in text or "}" in text]


def test_no_shipped_case_is_a_post_that_the_model_is_trained_on() -> None:
    authored = Path(__file__).parents[2] / "data" / "authored.jsonl"
    content = authored.read_text(encoding="utf-8")
    texts = {text for check in read_checks(SHIPPED_TESTS, TAXONOMY) for case in check.cases for text in (case.text,)}
    assert not [text for text in texts if f'"{text}"' in content]
