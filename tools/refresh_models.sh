#!/usr/bin/env bash
# Train packaged models on by their recipes' last stage, from their packaged weights (or from
# scratch where there are none; NAME-adversarial and NAME-renderer begin with NAME), then measure this machine's speed. The same command goes on where
# it stopped.
#
#   tools/refresh_models.sh --minutes M --out DIR [--recipes "rooms-64-adversarial doom-64"] [--work DIR]
#                           [--set PATH=VALUE]... [--seconds S]
#
# DIR gets, for every recipe: the model folder, figures.json, journal.jsonl; and benchmark.json.
# Files above 15 MiB are cut into parts NAME.part-aa ...: `cat NAME.part-* > NAME` joins them.
# Uses a GPU when torch sees one. Shards in WORK/data-RECIPE are used where they are; otherwise the
# recipe's episodes are made on the spot, so neither PyAV nor a recording is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes="" out="" recipes="rooms-64-adversarial" work="runs/refresh" seconds=5 settings=()
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes) minutes="$2" ;;
    --out) out="$2" ;;
    --recipes) recipes="$2" ;;
    --work) work="$2" ;;
    --seconds) seconds="$2" ;;
    --set) settings+=(--set "$2") ;;
    *) echo "refresh_models: unknown option $1" >&2; exit 2 ;;
  esac
  [ $# -ge 2 ] || { echo "refresh_models: $1 needs a value" >&2; exit 2; }
  shift 2
done
[ -n "$minutes" ] && [ -n "$out" ] || { echo "refresh_models: --minutes M --out DIR" >&2; exit 2; }

python=python3
[ -x .venv/bin/python ] && .venv/bin/python -c "import torch" 2>/dev/null && python=.venv/bin/python
export PYTHONPATH="src${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$out" "$work"
each=$("$python" -c "print($minutes / $(wc -w <<<"$recipes"))")

learns_recall() { # whether that is the last stage of a recipe
  "$python" -c "import sys; from twospeed.recipes import RECIPES
sys.exit(not RECIPES[sys.argv[1]]().recalling.loop.steps)" "$1"
}

for recipe in $recipes; do
  begin=() data=() base="${recipe%-adversarial}" base="${base%-renderer}"
  if [ -e "src/twospeed/packaged/$base/model_index.json" ]; then
    begin=(--init "$base" --set autoencoder.loop.steps=0 --set text.loop.steps=0)
    if learns_recall "$recipe"; then begin+=(--set slow.loop.steps=0); fi
  fi
  if [ -e "$work/data-$recipe/index.json" ]; then data=(--data "$work/data-$recipe"); fi
  "$python" -m twospeed.cli.app train "$recipe" --out "$work/$recipe" --minutes "$each" \
    --workers 0 "${begin[@]}" "${data[@]}" "${settings[@]}"
  rm -rf "${out:?}/$recipe"
  cp -r "$work/$recipe/model" "$out/$recipe"
  cp "$work/$recipe/figures.json" "$out/$recipe.figures.json"
  for stage in recalling adversarial rendering; do # the last one there is
    cp "$work/$recipe/$stage/journal.jsonl" "$out/$recipe.journal.jsonl" 2>/dev/null || true
  done
done

"$python" tools/benchmark_gpu.py --model "$out/${recipes%% *}" --out "$out/benchmark.json" \
  --seconds "$seconds"
find "$out" -type f -size +15M ! -name '*.part-*' -print0 | while IFS= read -r -d '' file; do
  split --bytes=15M "$file" "$file.part-" && rm "$file"
done
echo "refreshed: $recipes, in $out"
