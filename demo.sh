#!/usr/bin/env bash
# The whole way: export, build, evaluate, score. Called by `make demo`, which sets BIN, and DATA and WEIGHTS if given.
set -euo pipefail

out=demo
data=${DATA:-}
weights=${WEIGHTS:-imagenet}
backbone=$out/backbone.onnx

if [ -z "$data" ]; then
    data=$out/data/flange
    [ -d "$data" ] || "$BIN/goodpart-bank" demo-data "$data"
fi
bundle=$out/bundles/$(basename "$data")

say() { printf '\n== %s\n' "$*"; }

say "export: ResNet-18 ($weights) to $backbone"
mkdir -p "$out"
if ! "$BIN/goodpart-export" --weights "$weights" --out "$backbone" --force 2> "$out/export.log"; then
    # only a missing download is no reason to stop: everything else is an error that the user has to see
    if [ "$weights" != imagenet ] || ! grep -q "expected to download" "$out/export.log"; then
        cat "$out/export.log" >&2
        exit 2
    fi
    echo "ImageNet weights cannot be downloaded here: going on with UNTRAINED ones, so every result below is marked."
    "$BIN/goodpart-export" --weights untrained --out "$backbone" --force
fi

say "build: $data/train/good to $bundle"
"$BIN/goodpart-bank" build "$data/train/good" --backbone "$backbone" --out "$bundle" --force

say "evaluate: $bundle on $data"
"$BIN/goodpart-bank" evaluate "$bundle" --data "$data" --json "$out/metrics.json"

say "score: one good and one defective frame"
good=$(find "$data/test/good" -type f | sort | head -n 1)
defective=$(find "$data/test" -type f -not -path "*/good/*" | sort | head -n 1)
# exit code 1 says that a defect was found, which is what a demo hopes for
"$BIN/goodpart" score "$bundle" "$good" --maps "$out/overlays/good" || [ $? -eq 1 ]
"$BIN/goodpart" score "$bundle" "$defective" --maps "$out/overlays/defective" || [ $? -eq 1 ]

say "done: metrics in $out/metrics.json, overlay pictures:"
find "$out/overlays" -name "*.png" | sort
