"""The backend `torch`: a bundle's network in PyTorch, the reference that its graph is compared with. Slow and exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from earshot.bundle import Bundle
from earshot.cpu import available_cpus
from earshot.session import Ids, Logits
from training.torch_weights import load_weights


class TorchSession:
    """A network in PyTorch; safe to share between threads.

    Each post is run by itself, in float32: no padding, no neighbours.

    Args:
        bundle: With PyTorch weights.
        threads: Of PyTorch, by default the processors that this process may use.

    Raises:
        BundleError: It has no weights.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.threads = threads or available_cpus()
        torch.set_num_threads(self.threads)
        self.provider = f"PyTorch {torch.__version__}"
        self._taxonomy = bundle.manifest.taxonomy
        self._model = load_weights(bundle)

    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The categories and urgencies, in the order of the outputs."""
        return self._taxonomy.category_names, self._taxonomy.urgency_names

    @torch.inference_mode()
    def run(self, ids: Sequence[Ids]) -> Logits:
        """Run posts, each by itself.

        Args:
            ids: Token ids of each post, `[tokens]`; at least one post.

        Returns:
            The logits, rows in the order of the posts.
        """
        rows = [self._model(row, torch.ones_like(row)) for row in (torch.from_numpy(post)[None] for post in ids)]
        heads = [np.concatenate([part.numpy() for part in head]) for head in zip(*rows, strict=True)]
        return Logits(heads[0], heads[1], heads[2] if len(heads) > 2 else None)

    def close(self) -> None:
        """Nothing is kept."""
