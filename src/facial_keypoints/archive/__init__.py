"""The competition's files: zip checks, strict CSV reading, submission format."""
