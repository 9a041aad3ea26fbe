"""What the paper's way of splitting is worth: the same rows, split by sample and by source.

Takes the study.json of two runs (in data/.../08_reporting), which differ in `split.by` alone, and
prints the test loss of each row in both, and the loss of the run by sample on faces that it
kept unseen.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from measuring import print_table


def read(path: Path) -> dict[str, Any]:
    study: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return study


def trained(study: dict[str, Any]) -> dict[str, dict[str, Any]]:
    rows = (row for rows in study["tables"].values() for row in rows)
    return {row["variant"]: row for row in rows if row["trained"]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("by_sample", type=Path, metavar="STUDY_BY_SAMPLE")
    parser.add_argument("by_source", type=Path, metavar="STUDY_BY_SOURCE")
    args = parser.parse_args()
    for path in (args.by_sample, args.by_source):
        if not path.is_file():
            parser.error(f"{path}: there is no such file")
    sample, source = read(args.by_sample), read(args.by_source)
    if not sample["leaks"] or source["leaks"]:
        sys.exit("the first study must be split by sample, the second by source")
    if sample["scale"] != source["scale"]:
        sys.exit(f"the studies are of two scales: {sample['scale']} and {source['scale']}")
    if sample["faces"] != source["faces"]:
        sys.exit("the studies are of different data")
    ours, honest = trained(sample), trained(source)
    if not ours.keys() & honest.keys():
        sys.exit("the studies have no variant in common")
    rows, across, within = [], [], []
    for name in (name for name in ours if name in honest):
        test, unseen, other = (
            ours[name]["test_loss"],
            ours[name]["unseen_loss"],
            honest[name]["test_loss"],
        )
        across.append(other / test)
        cells = [f"{test:.2f}", f"{other:.2f}", f"{other / test:.2f}"]
        if unseen is not None:
            within.append(unseen / test)
            cells += [f"{unseen:.2f}", f"{unseen / test:.2f}"]
        rows.append([name, *cells, *[""] * (5 - len(cells))])
    header = ["variant", "by sample", "by source", "ratio", "by sample: unseen", "ratio"]
    print_table(header, rows)
    print(f"Median ratio over {len(rows)} rows: {statistics.median(across):.2f}", end="")
    print(f", unseen over test {statistics.median(within):.2f}" if within else "")


if __name__ == "__main__":
    main()
