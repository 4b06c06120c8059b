"""The database's one table, as SQLAlchemy maps it; `migrations` brings a database to this form."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from earshot.feedback.correction import Correction, KeptCorrection, Labels, Predicted

SHA256 = String(64)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment; SQLite forgets the time zone, so it is always UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring a moment to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables."""


class CorrectionRow(Base):
    """A correction as it is kept; rows are added and never changed."""

    __tablename__ = "corrections"
    __table_args__ = (UniqueConstraint("caller", "idempotency_key", name="uq_corrections_idempotency"),)

    sequence: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    caller: Mapped[str] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(SHA256)
    text: Mapped[str | None] = mapped_column(Text)
    text_sha256: Mapped[str] = mapped_column(SHA256, index=True)
    post_id: Mapped[str | None] = mapped_column(Text)
    model_digest: Mapped[str] = mapped_column(Text)
    predicted_category: Mapped[str] = mapped_column(Text)
    predicted_secondary: Mapped[list[str]] = mapped_column(JSON)
    predicted_urgency: Mapped[str | None] = mapped_column(Text)
    predicted_confidence: Mapped[float | None] = mapped_column(Double)
    taxonomy: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    secondary: Mapped[list[str]] = mapped_column(JSON)
    urgency: Mapped[str | None] = mapped_column(Text)
    reviewer: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)

    @classmethod
    def of(cls, correction: Correction, *, id: str, received_at: datetime) -> CorrectionRow:
        """Lay a correction out as a row."""
        predicted, corrected = correction.predicted, correction.corrected
        return cls(
            id=id,
            received_at=received_at,
            caller=correction.caller,
            idempotency_key=correction.idempotency_key,
            fingerprint=correction.fingerprint,
            text=correction.text,
            text_sha256=correction.text_sha256,
            post_id=correction.post_id,
            model_digest=predicted.model_digest,
            predicted_category=predicted.labels.category,
            predicted_secondary=list(predicted.labels.secondary),
            predicted_urgency=predicted.labels.urgency,
            predicted_confidence=predicted.confidence,
            taxonomy=correction.taxonomy,
            category=corrected.category,
            secondary=list(corrected.secondary),
            urgency=corrected.urgency,
            reviewer=correction.reviewer,
            note=correction.note,
        )

    def kept(self) -> KeptCorrection:
        """Read the row back."""
        predicted = Labels(self.predicted_category, tuple(self.predicted_secondary), self.predicted_urgency)
        correction = Correction(
            text=self.text,
            text_sha256=self.text_sha256,
            predicted=Predicted(self.model_digest, predicted, self.predicted_confidence),
            corrected=Labels(self.category, tuple(self.secondary), self.urgency),
            taxonomy=self.taxonomy,
            post_id=self.post_id,
            reviewer=self.reviewer,
            note=self.note,
            caller=self.caller,
            idempotency_key=self.idempotency_key,
        )
        return KeptCorrection(self.id, self.received_at, correction)
