"""Earshot's core: what must be identical in training, evaluation and serving."""

from earshot.bundle import Bundle
from earshot.errors import (
    BundleError,
    BundleIntegrityError,
    BundleVersionError,
    DataError,
    EarshotError,
    FeedbackError,
    IdempotencyKeyReusedError,
    JournalError,
    MissingExtraError,
    SessionError,
    TaxonomyError,
)
from earshot.explanation import Word
from earshot.pipeline import Pipeline
from earshot.post import Post, Prediction, Rejection, Result
from earshot.predictor import ModelIdentity, Predictor
from earshot.taxonomy import Taxonomy

__all__ = [
    "Bundle",
    "BundleError",
    "BundleIntegrityError",
    "BundleVersionError",
    "DataError",
    "EarshotError",
    "FeedbackError",
    "IdempotencyKeyReusedError",
    "JournalError",
    "MissingExtraError",
    "ModelIdentity",
    "Pipeline",
    "Post",
    "Prediction",
    "Predictor",
    "Rejection",
    "Result",
    "SessionError",
    "Taxonomy",
    "TaxonomyError",
    "Word",
]
