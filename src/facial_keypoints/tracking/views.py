"""A saved view of MLflow's list of runs: the variants with the metrics to compare, the best first.

Without one, the list has no columns of metrics until they are chosen.
"""

import json
from typing import Final

from mlflow.entities import Experiment
from mlflow.tracking import MlflowClient

_KEY: Final = "variants"
_TAG: Final = f"mlflow.sharedViewState.{_KEY}"
"""Where MLflow keeps the views that its menu *Saved views* lists."""
_METRICS: Final = (
    *("holdout_rmse", "unseen_rmse", "leak", "estimated_rmse"),
    *("minutes", "parameters", "multiply_adds"),
)
_PARAMETERS: Final = ("convs", "pools", "dropout", "dense")
_ORDER: Final = "metrics.`holdout_rmse`"
_STATE: Final = {
    "searchFilter": "tags.variant LIKE '%'",
    "orderByKey": _ORDER,
    "orderByAsc": True,
    "selectedColumns": [
        *(f"metrics.`{name}`" for name in _METRICS),
        *(f"params.`{name}`" for name in _PARAMETERS),
    ],
}
_VIEW: Final = json.dumps(
    {"name": "Variants by hold-out error", "createdAt": 0, "state": json.dumps(_STATE)}
)


def save_view(experiment: Experiment) -> None:
    """Save the view in an experiment that lacks it, or has one of an earlier version."""
    if experiment.tags.get(_TAG) != _VIEW:
        MlflowClient().set_experiment_tag(experiment.experiment_id, _TAG, _VIEW)


def view_page(experiment_id: str) -> str:
    """Return the view's page, to append to the address of MLflow.

    >>> view_page("1")
    '#/experiments/1/runs?viewStateShareKey=variants'
    """
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={_KEY}"
