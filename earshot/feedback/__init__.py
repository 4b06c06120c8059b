"""What people corrected: kept durably by whoever serves, read by whoever trains. Knows nothing of models or HTTP.

Needs the extra `feedback`; nothing else in the core imports it.
"""

from earshot.feedback.correction import Correction, KeptCorrection, Labels, Predicted, digest_of
from earshot.feedback.store import DEFAULT_DATABASE, FeedbackStore

__all__ = [
    "DEFAULT_DATABASE",
    "Correction",
    "FeedbackStore",
    "KeptCorrection",
    "Labels",
    "Predicted",
    "digest_of",
]
