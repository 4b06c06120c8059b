"""`earshot classify`: texts, or a file of posts, in; the same with the prediction columns out.

Reads top to bottom as a run goes: what is asked for, the input checked as a whole, the model, the results
chunk by chunk, the output in one move. Knows nothing of how a post is judged.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import click
from tqdm import tqdm

from earshot import parquet
from earshot.backend import ONNX
from earshot.bundle import DEFAULT, Bundle
from earshot.command_line import backend_option
from earshot.errors import DataError
from earshot.journal import Journal
from earshot.lazy_rows import LazyRows, Row
from earshot.pipeline import Pipeline
from earshot.post import Post, Rejection, Result
from earshot.predictor import Predictor
from earshot.tables import FORMATS, Table, format_of, read_table, require_columns, unusable_rows, write_rows
from earshot.taxonomy import Taxonomy

ADDED = (
    "predicted_category",
    "confidence",
    "scores",
    "predicted_secondary",
    "predicted_urgency",
    "urgency_scores",
    "route",
    "needs_review",
    "review_reasons",
    "truncated",
    "error",
)
"""The columns that are added: to a row that was judged all but the last, to any other the last."""

CHUNK = 256
"""Posts judged between two writes to the journal: the most work that an interruption costs."""

_STANDARD_STREAM = "-"
_INTERRUPTED = 130

_Source = Path | BinaryIO | tuple[str, ...]
"""A file, standard input, or texts."""


@click.command()
@click.argument("inputs", nargs=-1, metavar="[TEXT... | FILE | -]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The file to write; its ending may name another format."
)
@click.option("--model", default=DEFAULT, show_default=True, help="A bundle folder; the default is the embedded one.")
@backend_option
@click.option(
    "--format",
    "input_kind",
    type=click.Choice(["jsonl", "csv", "parquet", "text"]),
    help="How to read the input, by default told by its ending, JSONL for '-'; 'text' is a post a line.",
)
@click.option("--column", "column", metavar="text=THEIRS", help="The input's own name of the column 'text'.")
@click.option("--skip-bad-rows", is_flag=True, help="Leave unreadable rows out instead of refusing the input.")
@click.option("--overwrite", is_flag=True, help="Replace columns of the input that are named like added ones.")
@click.option("--restart", is_flag=True, help="Throw the progress of an interrupted run away and start over.")
@click.pass_context
def classify(
    context: click.Context,
    inputs: tuple[str, ...],
    output: Path | None,
    model: str,
    backend: str,
    input_kind: str | None,
    column: str | None,
    *,
    skip_bad_rows: bool,
    overwrite: bool,
    restart: bool,
) -> None:
    """Classify texts, or the posts in a JSONL, CSV or Parquet file ('-' is standard input).

    The input comes out again with its own columns and the predicted ones: predicted_category, confidence, scores,
    predicted_secondary, predicted_urgency, urgency_scores, route, needs_review, review_reasons and truncated, or,
    where a post cannot be judged, error. Rows keep their order and none is lost.

    An interrupted run with -o goes on where it stopped when it is called again: OUTPUT.partial.jsonl keeps its
    progress. OUTPUT appears only when it is complete.
    """
    source = _source(inputs, input_kind, column)
    output = None if output is None or str(output) == _STANDARD_STREAM else output
    kind = _input_kind(source, input_kind)
    output_kind = _output_kind(output, kind)
    if output is not None:
        _check_output(output, source)
    text_column = _text_column(column)
    table = _read(source, kind)
    _check(table, text_column, asked_for=column is not None, skip_bad_rows=skip_bad_rows, overwrite=overwrite)
    bundle = Bundle.load(model)
    if output is None:
        with Pipeline(bundle, backend=backend) as predictor:
            tally = Job(table, text_column, predictor).to_stream(sys.stdout.buffer, output_kind)
        if tally.errors and not isinstance(source, tuple):
            click.echo(f"earshot: {tally}", err=True)
        return
    depends_on = {
        "input": table.sha256,
        "input format": kind,
        "text column": text_column,
        "model": bundle.identity.digest,
        "earshot version": metadata.version("earshot"),
    }
    if backend != ONNX:
        depends_on["backend"] = backend
    journal = open_journal(output, depends_on, table, restart=restart)
    try:
        with Pipeline(bundle, backend=backend) as predictor:
            tally = Job(table, text_column, predictor).to_file(output, output_kind, journal)
    except KeyboardInterrupt:
        click.echo(
            f"earshot: interrupted after {journal.done} of {len(table.rows)} rows; "
            f"the same command goes on from there ({journal.path})",
            err=True,
        )
        context.exit(_INTERRUPTED)
    click.echo(f"earshot: {tally}, written to {output}", err=True)


def open_journal(output: Path, depends_on: Mapping[str, str], table: Table, *, restart: bool = False) -> Journal:
    """The journal that lies beside an output while it is not complete.

    Args:
        output: The file that will be written.
        depends_on: All that its content depends on.
        table: The input.
        restart: Throw away what an interrupted run left.

    Raises:
        JournalError: What is there belongs to another run.
    """
    path = output.with_name(f"{output.name}.partial.jsonl")
    rows = table.rows
    numbers = rows.numbers if isinstance(rows, LazyRows) else [number for number, _ in rows]
    return Journal(path, depends_on, numbers, restart=restart)


@dataclass(slots=True)
class Tally:
    """How many rows came out.

    Attributes:
        rows: All of them.
        errors: Those with an `error` instead of a prediction.
    """

    rows: int = 0
    errors: int = 0

    def count(self, results: Iterable[Row]) -> Iterator[Row]:
        """Pass results on and count them."""
        for result in results:
            self.rows += 1
            self.errors += "error" in result
            yield result

    def __str__(self) -> str:
        rows = f"{self.rows} row{'' if self.rows == 1 else 's'}"
        return f"{rows}, {self.errors} of them with something in the column 'error'" if self.errors else rows


@dataclass(frozen=True, slots=True)
class Job:
    """A table, and who judges its rows.

    Attributes:
        table: The table.
        text_column: Its name of the column that holds the posts.
        predictor: Judges them.
    """

    table: Table
    text_column: str
    predictor: Predictor

    def to_stream(self, stream: BinaryIO, kind: str) -> Tally:
        """Write the rows to a stream as they are judged.

        Args:
            stream: Where to.
            kind: `jsonl` or `csv`.
        """
        tally = Tally()
        results = chain.from_iterable(self._judged(0, quiet=stream.isatty()))
        self._write(stream, kind, tally.count(results))
        stream.flush()
        return tally

    def to_file(self, output: Path, kind: str, journal: Journal) -> Tally:
        """Judge the rows that the journal lacks, then write the output: all of it, or nothing.

        Args:
            output: The file.
            kind: `jsonl`, `csv` or `parquet`.
            journal: Keeps the results meanwhile; removed in the end.
        """
        for results in self._judged(journal.done):
            journal.extend(results)
        tally = Tally()
        target = output.resolve()  # through a link, so that the link stays
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            if kind == "parquet":
                types = column_types(self.predictor.taxonomy)
                parquet.write(unfinished, self._arrow(), tally.count(journal.results()), types)
            else:
                with unfinished.open("wb") as stream:
                    self._write(stream, kind, tally.count(journal.results()))
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        journal.remove()
        return tally

    def _judged(self, start: int, *, quiet: bool = False) -> Iterator[list[Row]]:
        """The results of the rows from `start` on, a chunk at a time, under a progress bar."""
        hidden = quiet or not sys.stderr.isatty()
        rows = self.table.rows
        with tqdm(total=len(rows), initial=start, unit=" posts", disable=hidden) as progress:
            for first in range(start, len(rows), CHUNK):
                chunk = [row for _, row in rows[first : first + CHUNK]]
                yield judge(chunk, self.text_column, self.predictor)
                progress.update(len(chunk))

    def _write(self, stream: BinaryIO, kind: str, results: Iterable[Row]) -> None:
        own = [column for column in self.table.columns if column not in ADDED]
        rows = (
            {column: value for column, value in row.items() if column not in ADDED} | result
            for (_, row), result in zip(self.table.rows, results, strict=True)
        )
        write_rows(stream, kind, (*own, *ADDED), rows)

    def _arrow(self) -> parquet.ArrowTable:
        if self.table.arrow is not None:
            return self.table.arrow
        rows = self.table.rows
        return parquet.from_columns({column: [row.get(column) for _, row in rows] for column in self.table.columns})


def judge(rows: Iterable[Row], text_column: str, predictor: Predictor) -> list[Row]:
    """Judge rows.

    Args:
        rows: The rows.
        text_column: Where their posts are.
        predictor: Judges them.

    Returns:
        The added columns of each row, in order.
    """
    texts = [row.get(text_column) for row in rows]
    results = iter(predictor.predict([Post(text) for text in texts if isinstance(text, str)]))
    return [_columns(next(results) if isinstance(text, str) else _no_text(text, text_column)) for text in texts]


def column_types(taxonomy: Taxonomy) -> dict[str, parquet.ColumnType]:
    """The types of the added columns, where a format has types."""
    types: dict[str, parquet.ColumnType] = dict.fromkeys(ADDED, "string")
    types |= {"confidence": "number", "scores": taxonomy.category_names, "predicted_secondary": "strings"}
    types |= {"needs_review": "flag", "review_reasons": "strings", "truncated": "flag"}
    if taxonomy.urgencies:
        types["urgency_scores"] = taxonomy.urgency_names
    return types


def _columns(result: Result) -> Row:
    if isinstance(result, Rejection):
        return {"error": f"{result.type}: {result.detail}"}
    return {
        "predicted_category": result.category,
        "confidence": result.confidence,
        "scores": result.scores,
        "predicted_secondary": list(result.secondary),
        "predicted_urgency": result.urgency,
        "urgency_scores": result.urgency_scores or None,
        "route": result.route,
        "needs_review": result.needs_review,
        "review_reasons": list(result.review_reasons),
        "truncated": result.truncated,
    }


def _no_text(value: object, column: str) -> Rejection:
    if value is None:
        return Rejection(None, "no-text", "The post has no text", f"The row has nothing in the column '{column}'.")
    kind = type(value).__name__
    return Rejection(None, "no-text", "The post is no text", f"The column '{column}' holds {kind}, not a string.")


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a post is easily longer than a path may be
        return False


def _source(inputs: tuple[str, ...], input_kind: str | None, column: str | None) -> _Source:
    """Tell a file, standard input and texts apart."""
    if not inputs:
        raise click.UsageError("nothing to classify: give texts, a file, or '-' for standard input")
    if inputs == (_STANDARD_STREAM,):
        return sys.stdin.buffer
    if len(inputs) == 1 and _is_file(inputs[0]):
        return Path(inputs[0])
    files = [text for text in inputs if Path(text).suffix.lower() in FORMATS and not set(text) & set(" \n\t")]
    if len(inputs) == 1 and files:
        raise DataError(f"there is no file {inputs[0]}")
    if files or _STANDARD_STREAM in inputs:
        raise click.UsageError("one file at a time, or texts alone")
    if input_kind or column:
        raise click.UsageError(f"--format and --column go with a file or '-', and there is no file {inputs[0][:100]}")
    return inputs


def _input_kind(source: _Source, asked: str | None) -> str:
    if asked:
        return asked
    if not isinstance(source, Path):
        return "jsonl"
    try:
        return format_of(source)
    except DataError as error:
        raise DataError(f"{error}; or say by --format how to read it") from error


def _output_kind(output: Path | None, input_kind: str) -> str:
    by_ending = FORMATS.get(output.suffix.lower()) if output else None
    kind = by_ending or ("jsonl" if input_kind == "text" else input_kind)
    if kind == "parquet":
        parquet.require_pyarrow()
        if output is None:
            raise click.UsageError("Parquet is not written to standard output: name a file by -o")
    return kind


def _check_output(output: Path, source: _Source) -> None:
    """Find out before hours of work whether the output can be written."""
    if output.exists() and not output.is_file():
        raise DataError(f"cannot write {output}: it is there and no plain file; name another")
    if not os.access(output.resolve().parent, os.W_OK | os.X_OK):
        raise DataError(f"cannot write {output}: there is no folder {output.parent} that one may write to")
    if isinstance(source, Path) and output.exists() and output.samefile(source):
        raise DataError(f"cannot write {output}: it is the input; name another file")


def _text_column(asked: str | None) -> str:
    ours, equals, theirs = (asked or "text=text").partition("=")
    if ours != "text" or not equals or not theirs:
        raise click.UsageError(f"--column takes text=THEIRS, not '{asked}': no other column is read")
    return theirs


def _read(source: _Source, kind: str) -> Table:
    if not isinstance(source, tuple):
        return read_table(source, kind=kind, lazily=True)
    rows: list[tuple[int, Row]] = [(number, {"text": text}) for number, text in enumerate(source, start=1)]
    digest = hashlib.sha256(json.dumps(source).encode()).hexdigest()
    return Table("the texts", rows, columns=("text",), sha256=digest)


def _check(table: Table, text_column: str, *, asked_for: bool, skip_bad_rows: bool, overwrite: bool) -> None:
    """Refuse an unusable input before anything is judged.

    Raises:
        DataError: It is.
    """
    require_columns(table, (text_column,), asked_for=asked_for)
    taken = [column for column in table.columns if column in ADDED]
    if taken and not overwrite:
        names = ", ".join(f"'{column}'" for column in taken)
        raise DataError(f"{table.name} has {names} already: replace by --overwrite, or rename")
    if table.problems and not (skip_bad_rows and table.rows):
        raise unusable_rows(table.name, table.problems)
    if table.problems:
        left_out = DataError(f"{table.name}: {len(table.problems)} unusable row(s) left out", table.problems)
        click.echo(f"earshot: {left_out}", err=True)
