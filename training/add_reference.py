"""Puts into a bundle what it says of posts like those it was trained on, so that a service can tell when others come.

`python -m training.add_reference BUNDLE FILE...`; the digest stays, since no prediction depends on it.
"""

from __future__ import annotations

from pathlib import Path

import click

from earshot import Bundle, EarshotError, Pipeline, Post, Prediction
from earshot.reference import Reference
from earshot.tables import read_table

_AT_ONCE = 512


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("files", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=5000, show_default=True, help="Posts that are judged, evenly.")
def add_reference(bundle: Path, files: tuple[Path, ...], limit: int) -> None:
    """Judge the posts of FILES (their column `text`) and keep the shares in BUNDLE."""
    texts = [str(row["text"]) for file in files for _, row in read_table(file).rows]
    chosen = texts[:: -(-len(texts) // limit)]
    loaded = Bundle.load(bundle)
    predictions: list[Prediction] = []
    with Pipeline(loaded) as pipeline:
        for start in range(0, len(chosen), _AT_ONCE):
            results = pipeline.predict([Post(text) for text in chosen[start : start + _AT_ONCE]])
            predictions += [result for result in results if isinstance(result, Prediction)]
    if not predictions:
        raise EarshotError(f"none of the {len(chosen)} posts can be judged: name files of posts")
    reference = Reference.of(predictions, source=", ".join(file.name for file in files))
    loaded.with_reference(reference)
    click.echo(f"{bundle}: {reference.n} predictions; {reference.category}")


if __name__ == "__main__":
    add_reference()
