"""Measure the leak of the paper's split: the same rows, split by sample and by group.

Takes the study.json of two runs (in data/.../08_reporting) that differ in `split.by` alone. Prints
the test loss of each row in both, and the loss of the run by sample on its unseen faces.
"""

import argparse
import statistics
import sys
from pathlib import Path

from measuring import print_table
from pydantic import TypeAdapter

from facial_keypoints.study.records import StudyResult

STUDY: TypeAdapter[StudyResult] = TypeAdapter(StudyResult)


def read(path: Path) -> StudyResult:
    return STUDY.validate_json(path.read_bytes())


def check(by_sample: StudyResult, by_group: StudyResult) -> None:
    if not by_sample.split.leaks or by_group.split.leaks:
        sys.exit("the first study must be split by sample, the second by group")
    if by_sample.scale != by_group.scale:
        sys.exit(f"the studies have different scales: {by_sample.scale} and {by_group.scale}")
    if by_sample.faces != by_group.faces:
        sys.exit("the studies have different data")
    if not by_sample.trained().keys() & by_group.trained().keys():
        sys.exit("the studies have no variant in common")


def print_leak(by_sample: StudyResult, by_group: StudyResult) -> None:
    rows, across, within = [], [], []
    other = by_group.trained()
    for name, ours in by_sample.trained().items():
        test = ours.mean.test_loss
        if name not in other or test is None or (clean := other[name].mean.test_loss) is None:
            continue
        across.append(clean / test)
        cells = [f"{test:.2f}", f"{clean:.2f}", f"{clean / test:.2f}"]
        if ours.mean.unseen_loss is not None:
            within.append(ours.mean.unseen_loss / test)
            cells += [f"{ours.mean.unseen_loss:.2f}", f"{within[-1]:.2f}"]
        rows.append([name, *cells, *[""] * (5 - len(cells))])
    header = ["variant", "by sample", "by group", "ratio", "by sample: unseen", "ratio"]
    print_table(header, rows)
    print(f"Median ratio over {len(rows)} rows: {statistics.median(across):.2f}", end="")
    print(f", unseen over test {statistics.median(within):.2f}" if within else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("by_sample", type=Path, metavar="STUDY_BY_SAMPLE")
    parser.add_argument("by_group", type=Path, metavar="STUDY_BY_GROUP")
    args = parser.parse_args()
    for path in (args.by_sample, args.by_group):
        if not path.is_file():
            parser.error(f"{path}: there is no such file")
    by_sample, by_group = read(args.by_sample), read(args.by_group)
    check(by_sample, by_group)
    print_leak(by_sample, by_group)


if __name__ == "__main__":
    main()
