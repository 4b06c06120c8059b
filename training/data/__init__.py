"""The data side: public sources, overlays of labels without text, and the check before a training."""
