#!/usr/bin/env bash
# From labelled posts to the running service and back, by the commands that a team would type: train, push, promote,
# serve, correct, export, check, train again, compare, promote, roll back. The service runs all the while and follows
# the champion. `make loop` does it in an empty folder, in minutes, on a small model (TF-IDF and logistic regression).
#
#   examples/loop/loop.sh [FOLDER]      everything that it makes lies there; by default a new temporary folder
#   MLFLOW_DATABASE=postgresql+psycopg://…  where MLflow keeps its records; by default SQLite in the folder
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
posts=$here/../../data/authored.jsonl # written for this project; a team would take its own
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
cd "$folder"
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
free_port() { python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT

say "An MLflow server: tracking and registry"
port=$(free_port)
export MLFLOW_TRACKING_URI=http://127.0.0.1:$port MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
mlflow server --host 127.0.0.1 --port "$port" --workers 1 --artifacts-destination "$PWD/artifacts" \
  --backend-store-uri "${MLFLOW_DATABASE:-sqlite:///$PWD/mlflow.db}" >mlflow.log 2>&1 &
until curl -fs "$MLFLOW_TRACKING_URI/health" >/dev/null; do sleep 0.2; done

say "Three parts of the labelled posts: to begin with, those that will come in, those that judge"
awk 'NR % 4 == 1' "$posts" >first.jsonl
awk 'NR % 4 == 2' "$posts" >stream.jsonl
awk 'NR % 4 == 3' "$posts" >held_out.jsonl
cp "$here/release.toml" "$here/model.toml" .

say "The first model becomes the champion"
earshot train --config model.toml --set 'export.version="1"' --data first.jsonl --held-out held_out.jsonl \
  --tracking-uri "$MLFLOW_TRACKING_URI" --output model-1
earshot model push model-1
earshot model promote --suite release.toml --reason "the first one" --who loop

say "The service follows the champion"
service=http://127.0.0.1:$(free_port)
export EARSHOT_CACHE=$PWD/cache EARSHOT_MODEL_POLL_S=1 EARSHOT_FEEDBACK_DATABASE=sqlite:///$PWD/feedback.db
earshot serve --model models:/earshot@champion --port "${service##*:}" >service.log 2>&1 &
until curl -fs "$service/readyz" >/dev/null; do sleep 0.2; done
serves() { curl -fs "$service/v1/model" | python -c 'import json, sys; print(json.load(sys.stdin)["version"])'; }
wait_for() { for _ in $(seq 300); do [ "$(serves)" = "$1" ] && return; sleep 0.2; done; echo "still $(serves)"; return 1; }
wait_for 1

say "Posts come in; people correct what the model got wrong"
python "$here/correct.py" "$service" stream.jsonl

say "What they said becomes training data"
earshot data export-feedback --database "$EARSHOT_FEEDBACK_DATABASE" -o corrected.jsonl
earshot data check corrected.jsonl -o check || [ $? -eq 1 ] # 1: something is worth a look; see check/report.html

say "The second model is the challenger"
earshot train --config model.toml --set 'export.version="2"' --data first.jsonl --data corrected.jsonl \
  --held-out held_out.jsonl --tracking-uri "$MLFLOW_TRACKING_URI" --output model-2
earshot eval run --model model-1 --suite release.toml -o results-1
earshot eval run --model model-2 --suite release.toml -o results-2
earshot eval compare results-1 results-2
earshot model push model-2
earshot model promote --suite release.toml --reason "learned from $(wc -l <corrected.jsonl) corrections" --who loop
wait_for 2

say "A worse one is refused: it saw a tenth of the posts"
awk 'NR % 10 == 1' first.jsonl >few.jsonl
earshot train --config model.toml --set 'export.version="3"' --data few.jsonl --output model-3
earshot model push model-3
if earshot model promote --suite release.toml --reason "it is newer" --who loop; then exit 1; fi
wait_for 2

say "Somebody has a bad feeling and goes back"
earshot model rollback --reason "a bad feeling" --who loop
wait_for 1

say "Who did what, and why"
earshot model history
earshot model show
