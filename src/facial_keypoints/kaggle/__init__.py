"""Kaggle's API: download the archive, send submissions, read scores.

- ``client``: what the pipelines call
- ``credentials``: the user's settings for Kaggle
- ``network``: certificates, proxies and sign-in pages in between
- ``records``: submissions, receipts and scores
- ``session``: sign-in, retries and error messages
- ``transfer``: downloads and uploads within time limits
"""
