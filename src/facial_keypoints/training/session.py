"""The command that a node belongs to: when it started, and its MLflow runs.

Nodes read it from the catalog as data, so that they give the same result in any process.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Session:
    """One ``kedro run``.

    Attributes:
        started_at: Unix time, in seconds, at which the command started.
        git_commit: Short hash of the code, with "+" where files differ from it.
        mlflow_run_id: The parent run; None where MLflow records nothing.
        mlflow_run_ids: The child run of each namespace (variant).

    Example:
        >>> session = Session(1e9, "abc", "parent", {"5cl-3mpl": "child"})
        >>> session.run_id_of("5cl-3mpl"), session.run_id_of("other")
        ('child', None)
    """

    started_at: float
    git_commit: str = "unknown"
    mlflow_run_id: str | None = None
    mlflow_run_ids: dict[str, str] = field(default_factory=dict)

    def run_id_of(self, variant: str) -> str | None:
        """Return the id of a variant's MLflow run, or None where it has none."""
        return self.mlflow_run_ids.get(variant)
