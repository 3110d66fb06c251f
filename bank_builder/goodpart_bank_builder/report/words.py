"""Words: the glossary at the end of a report, a part of docs/words.md."""

WORDS = {
    "AUPRC": "mean share of right DEFECT verdicts over all shares of defects found: 1 is perfect, the share of defects "
    "in the test set is chance",
    "AUPRO to 0.30": "mean share of each marked defect's area that the heat map finds, while at most 30 % of the good "
    "pixels are called defective: 1 is perfect",
    "AUROC": "how well scores separate good from defective: 1 is perfect, 0.5 is chance",
    "bank": "the embeddings of good patches that a frame is compared with",
    "best F1": "the best balance of defects found and DEFECT verdicts that are right, at any threshold: 1 is perfect",
    "escape": "a defective part that is called good",
    "exchangeable": "as if drawn from one heap: new parts of the same product, light, camera and batches as those of "
    "the build",
    "false reject": "a good part that is called defective",
    "held-out": "a held-out part is scored by a bank that was made without it, as a new part would be",
    "HNSW recall": "how often the bank's index finds the true neighbours by itself; every score is checked against the "
    "whole bank, so a low recall costs time and changes no verdict",
    "p-value": "the share of good parts, or images, as the rate counts, that are expected to score at least this "
    "high; with n held-out scores it is never below 1 / (n + 1)",
    "patch": "one cell of the grid that goodpart lays over a frame, for example one of 36x36",
    "pixel threshold": "the patch score that contours and boxes surround; of the good images held out, about the "
    "false-reject rate have a patch above it. The verdict does not depend on it",
    "score": "of a patch: its distance to the bank, less the mean distance of good patches, in sigmas; of an image: "
    "the mean of its highest patch scores",
    "serial": "a number that a build gives a bundle with --serial, so that devices can refuse older ones; 0 if none "
    "was given",
    "sigma": "one standard deviation of the distances of good patches to the bank: the unit of scores and thresholds",
    "target": "the false-reject rate that the threshold is made for; a promise only with --calibration split",
    "threshold": "the image score above which the verdict is DEFECT",
}
"""Meaning by word, alphabetically."""
