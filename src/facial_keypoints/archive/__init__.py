"""The competition's files: the archive, its tables, and the submission.

- ``competition``: check the zip archive and open its tables
- ``fetching``: fetch the archive once and reuse it
- ``csv_rows`` and ``tables``: read and check the CSV tables
- ``faces``: the tables as ``FaceSet``
- ``lookup``: join data of the test images with the lookup table
- ``submission``: the submission's format, check and score
"""
