# The service alone: no torch, no transformers, no mlflow, no compiler, not root.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY earshot ./earshot
COPY service ./service
COPY training ./training
COPY eval ./eval
RUN python -m venv /opt/earshot \
    && /opt/earshot/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[service]'

FROM python:3.11-slim
COPY --from=build /opt/earshot /opt/earshot
RUN useradd --system --uid 10001 --no-create-home earshot
USER 10001
ENV PATH=/opt/earshot/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["earshot", "serve", "--host", "0.0.0.0", "--port", "8000"]
