"""The registered pyfunc on Spark: are its predictions ours, and how does its speed grow with partitions?

python -m benchmarks.spark_scaling --model default --posts POSTS.jsonl [--rows 20000]

Registers the bundle in an MLflow database of its own, writes the posts to Parquet (repeated until there are enough),
has Spark classify them on a local cluster of 1, 2, … cores, a partition each, and compares every prediction with the
pipeline's, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from earshot import Bundle, Pipeline, Post, Prediction
from earshot.cpu import available_cpus
from registry.push import push
from registry.store import Registry

_BATCH = 1000


def _session(cores: int) -> Any:  # noqa: ANN401  # Spark is an extra
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
    return (
        builder.config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", str(_BATCH))
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )


def on_spark(file: Path, model: str, cores: int) -> tuple[float, list[Any]]:
    """Classify a Parquet file on so many cores.

    Returns:
        Seconds, Spark's own start and each worker's loading of the model apart, and the rows in order.
    """
    session = _session(cores)
    judge = mlflow.pyfunc.spark_udf(session, model, env_manager="local")
    table = session.read.parquet(str(file)).repartition(cores)
    table.limit(cores).withColumn("judged", judge("text")).collect()  # the workers load the model
    started = time.perf_counter()
    rows = table.withColumn("judged", judge("text")).select("number", "judged").collect()
    seconds = time.perf_counter() - started
    session.stop()
    return seconds, sorted(rows, key=lambda row: int(row["number"]))


def largest_change(rows: list[Any], texts: list[str], bundle: Bundle) -> tuple[float, int]:
    """The largest difference of a score, and how many posts have another category or urgency."""
    with Pipeline(bundle) as pipeline:
        ours = pipeline.predict([Post(text) for text in texts])
    largest, flipped = 0.0, 0
    for row, expected in zip(rows, ours, strict=True):
        judged = row["judged"]
        if not isinstance(expected, Prediction):
            flipped += not judged["error"]
            continue
        for said, scores in ((judged["scores"], expected.scores), (judged["urgency_scores"], expected.urgency_scores)):
            found = json.loads(said)
            largest = max([largest, *(abs(found[name] - score) for name, score in scores.items())])
        flipped += (judged["predicted_category"], judged["predicted_urgency"]) != (expected.category, expected.urgency)
    return largest, flipped


def main() -> None:
    """Measure, and print a line a number of partitions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--posts", type=Path, required=True, help="JSONL with `text`")
    parser.add_argument("--rows", type=int, default=20_000)
    arguments = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    bundle = Bundle.load(arguments.model)
    known = [json.loads(line)["text"] for line in arguments.posts.read_text(encoding="utf-8").splitlines()]
    texts = list(islice(cycle(known), arguments.rows))
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        registry = Registry(f"sqlite:///{place}/mlflow.db")
        version = push(bundle, registry, print)
        mlflow.set_tracking_uri(registry.uri)
        file = Path(place) / "posts.parquet"
        pq.write_table(pa.table({"number": np.arange(len(texts)), "text": texts}), file)
        alone = None
        for cores in range(1, available_cpus() + 1):
            seconds, rows = on_spark(file, f"models:/{registry.name}/{version.number}", cores)
            alone = alone or seconds
            print(f"{cores} partitions: {len(rows) / seconds:.0f} posts/s, {alone / seconds:.2f} times one", flush=True)
        largest, flipped = largest_change(rows, texts, bundle)
    print(f"{len(texts)} posts, bundle {bundle.manifest.digest}: largest score change {largest:.1e}, {flipped} flips")


if __name__ == "__main__":
    main()
