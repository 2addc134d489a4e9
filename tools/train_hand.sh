#!/usr/bin/env bash
# Record one block and two on the table of `fetch`, and train the packaged hand reader on both. The
# same command goes on where it stopped.
#
#   tools/train_hand.sh --out DIR [--minutes M] [--set PATH=VALUE]...
#
# DIR gets the recordings one/ and two/ and the run hand/; DIR/hand/model is the folder that lies in
# src/twospeed/packaged as hand-fetch.
set -euo pipefail
cd "$(dirname "$0")/.."

out="" options=()
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || { echo "train_hand: $1 needs a value" >&2; exit 2; }
  case "$1" in
    --out) out="$2" ;;
    --minutes | --set) options+=("$1" "$2") ;;
    *) echo "train_hand: unknown option $1" >&2; exit 2 ;;
  esac
  shift 2
done
[ -n "$out" ] || { echo "train_hand: --out DIR" >&2; exit 2; }

python=python3
[ -x .venv/bin/python ] && .venv/bin/python -c "import torch" 2>/dev/null && python=.venv/bin/python
export PYTHONPATH="src${PYTHONPATH:+:$PYTHONPATH}"
twospeed() { "$python" -m twospeed.cli.app "$@"; }
record() { twospeed record fetch --episodes 256 --chunks 28 --policy scripted+scripted+random "$@"; }

record --first-seed 0 --out "$out/one"
record --first-seed 610000 --option blocks=2 --out "$out/two"
twospeed train hand --data "$out/one" --data "$out/two" --out "$out/hand" "${options[@]}"
