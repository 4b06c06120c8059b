"""What people corrected: kept durably by whoever serves, read by whoever trains. Knows nothing of models or HTTP.

The database itself (`earshot.feedback.store`) needs the extra `feedback`. Nothing else in the core imports any of it.
"""

from earshot.feedback.correction import Correction, KeptCorrection, Labels, Predicted, digest_of
from earshot.feedback.location import DEFAULT_DATABASE

__all__ = [
    "DEFAULT_DATABASE",
    "Correction",
    "KeptCorrection",
    "Labels",
    "Predicted",
    "digest_of",
]
