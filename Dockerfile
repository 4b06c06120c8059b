# The service alone: no torch, no transformers, no mlflow, no compiler, no pip, not root.
# `python -m benchmarks.image` runs the steps of the first stage in a clean folder, and measures what comes of them.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY earshot ./earshot
COPY service ./service
COPY training ./training
COPY eval ./eval
COPY registry ./registry
# What else is installed: with registry too, it follows a model in MLflow, which takes far more room.
ARG EXTRAS=service,postgresql
RUN python -m venv --without-pip /opt/earshot \
    && python -m pip --python /opt/earshot/bin/python install --no-cache-dir --disable-pip-version-check \
       -c constraints.txt ".[${EXTRAS}]"

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Earshot" \
      org.opencontainers.image.description="Post triage over REST" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/earshot /opt/earshot
# The one folder that it writes to; mount a volume there, or name a PostgreSQL database, to keep what people corrected.
RUN useradd --system --uid 10001 --no-create-home earshot \
    && install --directory --owner=10001 --mode=700 /var/lib/earshot
USER 10001
ENV PATH=/opt/earshot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EARSHOT_HOST=0.0.0.0 \
    EARSHOT_PORT=8000 \
    EARSHOT_LOG_FORMAT=json \
    EARSHOT_FEEDBACK_DATABASE=sqlite:////var/lib/earshot/feedback.db
VOLUME /var/lib/earshot
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['EARSHOT_PORT'] + '/readyz', timeout=2)"]
CMD ["earshot", "serve"]
