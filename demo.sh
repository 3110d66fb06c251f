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
export_with() {
    "$BIN/goodpart-export" --weights "$1" --size auto --images "$data/train/good" --out "$backbone" --force
}
if export_with "$weights" 2> "$out/export.log"; then
    cat "$out/export.log" >&2
else
    # only a missing download is no reason to stop: everything else is an error that the user has to see
    if [ "$weights" != imagenet ] || ! grep -q "expected to download" "$out/export.log"; then
        cat "$out/export.log" >&2
        exit 2
    fi
    echo "ImageNet weights cannot be downloaded here: going on with UNTRAINED ones, so every result below is marked."
    export_with untrained
fi

say "build: $data/train/good to $bundle"
"$BIN/goodpart-bank" build "$data/train/good" --backbone "$backbone" --out "$bundle" --force

say "evaluate: $bundle on $data"
"$BIN/goodpart-bank" evaluate "$bundle" --data "$data" --json "$out/metrics.json" --report "$out/report"

rm -rf "$out/overlays" && mkdir "$out/overlays"
say "score: one good and one defective frame"
# awk reads to the end, where head would break the pipe
first_image() { { find "$@" -type f -not -name '.*' 2> /dev/null || true; } | sort | awk 'NR == 1'; }
for part in good defective; do
    case $part in
        good) frame=$(first_image "$data/test/good") ;;
        defective) frame=$(first_image "$data/test" -not -path "*/good/*") ;;
    esac
    if [ -z "$frame" ]; then
        echo "no $part frame in $data/test"
    else
        # exit code 1 says that a defect was found, which a demo hopes for
        "$BIN/goodpart" score "$bundle" "$frame" --maps "$out/overlays/$part" || [ $? -eq 1 ]
    fi
done

say "done: metrics in $out/metrics.json, report in $out/report/index.html, overlay pictures:"
find "$out/overlays" -name "*.png" | sort
