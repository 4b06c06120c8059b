"""Behaviour tests in the manner of CheckList (Ribeiro et al. 2020, arXiv 2005.04118), from plain TOML files.

```toml
capability = "billing"                      # what the file's tests are about

[words]                                     # for every test of the file
brand = ["Ondavo", "Bramlow"]

[[tests]]
name = "a double charge is billing"
kind = "minimum"                            # minimum functionality: each post by itself
posts = ["{brand} charged me {times}.", "Why did you take {amount} {times}?"]
words.times = ["twice", "two times"]        # for this test alone
words.amount = ["9.99", "£40"]
expect = { category = "billing", urgency_at_least = "medium" }

[[tests]]
name = "capitals never raise urgency"
kind = "invariance"                         # each post against the same post, changed
change = "capitals"                         # a perturbation's name,
# vary = "brand"                            # or a word that is replaced by each of the others,
# append = [" Thanks."], prepend = ["Hi. "] # or something added
posts = ["The app is slow."]
expect = { same_category = true, urgency_change = "not higher" }
```

`kind = "directional"` is written as invariance is, and says which way the answer may move.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from random import Random
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earshot.taxonomy import Taxonomy
from eval.errors import SuiteError
from eval.expectation import Expectation
from eval.perturbations import PERTURBATIONS

Kind = Literal["minimum", "invariance", "directional"]

MAX_CASES = 25
"""Cases of a test that does not say how many."""
_SLOT = re.compile(r"\{(\w+)\}")


class BehaviourTest(BaseModel):
    """One test.

    Attributes:
        name: A sentence that says what must hold.
        kind: Whether posts are judged by themselves, or against themselves unchanged.
        why: The rule behind it, where the name does not say it.
        posts: Templates; `{word}` stands for each of the words of that name.
        words: Words of this test alone.
        change: A perturbation's name.
        vary: A word that is replaced by each of the others of its name.
        append: What is added at the end, each by itself.
        prepend: What is added in front, each by itself.
        cases: At the most so many, drawn at random but always the same.
        expect: What must hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    kind: Kind
    why: str = ""
    posts: list[str] = Field(min_length=1)
    words: dict[str, list[str]] = {}
    change: str | None = None
    vary: str | None = None
    append: list[str] = []
    prepend: list[str] = []
    cases: int = Field(default=MAX_CASES, ge=1)
    expect: Expectation

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        changes = sum(map(bool, (self.change, self.vary, self.append or self.prepend)))
        if self.kind == "minimum":
            if changes or self.expect.compares:
                raise ValueError("a minimum test changes nothing and compares with nothing")
            return self
        if changes != 1:
            raise ValueError("give one of change, vary, and append or prepend")
        if not self.expect.compares:
            raise ValueError("expects nothing of the change: give same_category or urgency_change")
        if self.change is not None and self.change not in PERTURBATIONS:
            raise ValueError(f"unknown change '{self.change}', expected one of {', '.join(PERTURBATIONS)}")
        return self


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    capability: str = Field(min_length=1)
    words: dict[str, list[str]] = {}
    tests: list[BehaviourTest] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One post to judge, and what it is judged against.

    Attributes:
        text: The post; the changed one where there are two.
        base: The unchanged post; None where it is judged by itself.
    """

    text: str
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A test with its cases.

    Attributes:
        name: The test's name.
        capability: What it is about.
        kind: Minimum functionality, invariance, or directional.
        why: The rule behind it.
        expect: What must hold for every case.
        cases: At least one.
    """

    name: str
    capability: str
    kind: Kind
    why: str
    expect: Expectation
    cases: tuple[Case, ...]


def read_checks(path: Path, taxonomy: Taxonomy) -> list[Check]:
    """Read behaviour tests and make their cases.

    Args:
        path: A file, or a folder of files.
        taxonomy: The labels that they may name.

    Raises:
        SuiteError: A file cannot be read, says something that is not a test, names a label or word that is not
            there, or two tests have the same name.
    """
    checks = [check for file in behaviour_files(path) for check in _checks(file, taxonomy)]
    names = [check.name for check in checks]
    if double := {name for name in names if names.count(name) > 1}:
        raise SuiteError(f"{path}: more than one test is called '{min(double)}': give each a name of its own")
    return checks


def behaviour_files(path: Path) -> list[Path]:
    """The test files at a path, in alphabetical order.

    Raises:
        SuiteError: There are none.
    """
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise SuiteError(f"{path} holds no behaviour tests (.toml)")
    return files


def digest_of_files(path: Path) -> str:
    """The SHA-256 of all test files at a path, names included."""
    digest = hashlib.sha256()
    for file in behaviour_files(path):
        digest.update(f"{file.name}\n{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _checks(path: Path, taxonomy: Taxonomy) -> Iterator[Check]:
    try:
        content = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise SuiteError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise SuiteError(f"{path} is not TOML: {error}") from error
    known = {"category": taxonomy.category_names, "urgency": taxonomy.urgency_names}
    for test in content.tests:
        for scale, label in test.expect.labels():
            if label not in known[scale]:
                raise SuiteError(f"{path}, test '{test.name}': unknown {scale} '{label}'")
        yield _check(test, content, path)


def _check(test: BehaviourTest, content: _File, path: Path) -> Check:
    words = {**content.words, **test.words}
    for name in [test.vary or "", *(slot for post in test.posts for slot in _SLOT.findall(post))]:
        if name and not words.get(name):
            raise SuiteError(f"{path}, test '{test.name}': no words are called '{name}'")
    random = Random(test.name)
    cases = dict.fromkeys(_cases(test, words, random))
    if not cases:
        raise SuiteError(f"{path}, test '{test.name}': its change leaves every post as it was")
    return Check(test.name, content.capability, test.kind, test.why, test.expect, tuple(cases)[: test.cases])


def _cases(test: BehaviourTest, words: Mapping[str, Sequence[str]], random: Random) -> Iterator[Case]:
    # Template by template in turn, so that a limit cuts all of them alike.
    streams = [list(_of_template(test, post, words, random)) for post in test.posts]
    for row in itertools.zip_longest(*streams):
        for case in row:
            if case is not None and case.text != case.base:
                yield case


def _of_template(
    test: BehaviourTest, template: str, words: Mapping[str, Sequence[str]], random: Random
) -> Iterator[Case]:
    texts = list(_filled(template, words, test.cases, random))
    if test.kind == "minimum":
        yield from (Case(text) for text in texts)
    elif test.vary is not None:
        yield from _varied(template, test.vary, words, test.cases, random)
    elif test.change is not None:
        yield from (Case(PERTURBATIONS[test.change](text, random), text) for text in texts)
    else:
        added = [*((before, "") for before in test.prepend), *(("", after) for after in test.append)]
        pairs = [(text, ends) for text in texts for ends in added]
        random.shuffle(pairs)
        yield from (Case(before + text + after, text) for text, (before, after) in pairs)


def _varied(template: str, name: str, words: Mapping[str, Sequence[str]], limit: int, random: Random) -> Iterator[Case]:
    first, *others = words[name]
    for other in others:
        for base in _filled(template, {**words, name: ["{" + name + "}"]}, -(-limit // len(others)), random):
            yield Case(base.replace("{" + name + "}", other), base.replace("{" + name + "}", first))


def _filled(template: str, words: Mapping[str, Sequence[str]], limit: int, random: Random) -> Iterator[str]:
    """The template with words in its slots: all ways, or a limited number of them drawn at random."""
    slots = list(dict.fromkeys(_SLOT.findall(template)))
    sizes = [len(words[slot]) for slot in slots]
    ways = prod(sizes)
    for number in sorted(random.sample(range(ways), min(limit, ways))):
        chosen = {}
        for slot, size in zip(slots, sizes, strict=True):
            number, index = divmod(number, size)
            chosen[slot] = words[slot][index]
        yield _SLOT.sub(lambda found: chosen[found[1]], template)  # noqa: B023 - used at once
