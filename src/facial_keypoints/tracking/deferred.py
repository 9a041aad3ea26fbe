"""The hooks that record a session, without MLflow's import until a session starts."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

if TYPE_CHECKING:
    from facial_keypoints.tracking.hooks import TrackingHooks


class DeferredTrackingHooks:
    """``TrackingHooks`` for Kedro's settings, which every command reads.

    MLflow takes half of the time in which ``kedro registry list`` starts, and is not used there.
    """

    @cached_property
    def _hooks(self) -> "TrackingHooks":
        from facial_keypoints.tracking.hooks import TrackingHooks

        return TrackingHooks()

    @property
    def run_id(self) -> str | None:
        """Id of the open parent run, or None outside a session."""
        return self._hooks.run_id

    @property
    def is_complete(self) -> bool:
        """Whether MLflow has all records of the last session."""
        return self._hooks.is_complete

    def close(self, status: str, error: BaseException | None = None) -> None:
        """End the session's runs, if any are open.

        Args:
            status: FINISHED, FAILED or KILLED.
            error: What ended the session, if it failed.
        """
        if "_hooks" in self.__dict__:
            self._hooks.close(status, error)

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Connect to MLflow."""
        self._hooks.after_context_created(context)

    @hook_impl(trylast=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Create the session's runs."""
        self._hooks.before_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """Log what a variant's node loads."""
        self._hooks.after_dataset_loaded(dataset_name, data, node)

    @hook_impl(trylast=True)
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Set the variant's run to RUNNING."""
        self._hooks.before_node_run(node, inputs)

    @hook_impl
    def after_node_run(self, node: Node, outputs: dict[str, Any]) -> None:
        """End the variant's run until its next node."""
        self._hooks.after_node_run(node, outputs)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Log what is saved."""
        self._hooks.after_dataset_saved(dataset_name, data, node)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """End the session's runs as FINISHED."""
        self._hooks.after_pipeline_run()

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """End the session's runs as FAILED."""
        self._hooks.on_pipeline_error(error)
