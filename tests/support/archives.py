"""The tables of archives."""

from pathlib import Path

from facial_keypoints.archive.competition import CompetitionArchive

TABLES = ("training.csv", "test.csv", "IdLookupTable.csv", "SampleSubmission.csv")


def read_tables(path: Path) -> dict[str, bytes]:
    """Return the bytes of all tables of an archive that passes the check."""
    archive = CompetitionArchive(path)
    archive.check()
    found = {}
    for name in TABLES:
        with archive.open(name) as stream:
            found[name] = stream.read()
    return found
