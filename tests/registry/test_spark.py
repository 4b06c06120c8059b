"""The registered pyfunc on a real Spark: the same predictions as the service's own pipeline."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earshot import Pipeline, Post, Prediction
from registry.reference import Reference
from registry.store import Registered, Registry

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17 or newer, and there is none")
pyspark = pytest.importorskip("pyspark", reason="Spark is not installed: pip install 'earshot[spark]'")

TEXTS = ["I want a refund today", "it leaked", "   ", "love it", "my account was stolen", "lunch", ""] * 30


@pytest.fixture(scope="module")
def spark() -> Iterator[object]:
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.mark.filterwarnings("ignore")  # Spark's and MLflow's own
def test_spark_gives_the_services_predictions(
    spark: object, pushed: tuple[Registry, list[Registered]], tmp_path: Path
) -> None:
    registry, _ = pushed
    file = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"number": list(range(len(TEXTS))), "text": TEXTS}), file)
    mlflow.set_tracking_uri(registry.uri)
    judge = mlflow.pyfunc.spark_udf(spark, "models:/pushed/1", env_manager="local")
    table = spark.read.parquet(str(file)).repartition(3)  # type: ignore[attr-defined]  # Spark's session
    rows = table.withColumn("judged", judge("text")).orderBy("number").collect()
    with Pipeline(registry.pull(Reference("pushed", number=1), tmp_path / "bundle"), threads=1) as pipeline:
        ours = pipeline.predict([Post(text) for text in TEXTS])
    assert len(rows) == len(TEXTS)
    for row, expected in zip(rows, ours, strict=True):
        judged = row["judged"]
        if isinstance(expected, Prediction):
            assert judged["predicted_category"] == expected.category
            assert judged["predicted_urgency"] == expected.urgency
            assert list(judged["predicted_secondary"]) == list(expected.secondary)
            assert judged["needs_review"] == expected.needs_review
            assert judged["confidence"] == pytest.approx(expected.confidence, abs=1e-6)
            assert json.loads(judged["scores"]) == pytest.approx(expected.scores, abs=1e-6)
        else:
            assert json.loads(judged["error"])["type"] == "empty-post"
