"""The project's configuration, and its pipelines outside of a Kedro session."""

import time
from pathlib import Path
from typing import Any, Final

from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.framework.config_loader import LOADER_ARGUMENTS, load_parameters
from facial_keypoints.parameters import Parameters
from facial_keypoints.training.session import Session

CONF: Final = Path(__file__).resolve().parents[1] / "conf"


def run_on_disk(
    pipeline: Pipeline, archive: Path, folder: Path, parameters: Parameters | None = None
) -> None:
    """Run a pipeline with the project's catalog.

    Args:
        pipeline: What to run.
        archive: The competition's zip.
        folder: Where every other file of the catalog is written.
        parameters: Those of the base environment by default.
    """
    loader = OmegaConfigLoader(str(CONF), env="base", **LOADER_ARGUMENTS)
    loader["globals"] = {**loader["globals"], "data_root": str(folder), "raw_root": str(folder)}
    config = loader["catalog"]
    config["competition_archive"]["filepath"] = str(archive)
    del config["session"]
    catalog = DataCatalog.from_config(config)
    for name, section in _sections(parameters or load_parameters(CONF)).items():
        catalog[name] = section
    catalog["session"] = MemoryDataset(Session(time.time()))
    SequentialRunner().run(pipeline, catalog)


def run_in_memory(
    pipeline: Pipeline, parameters: Parameters, archive: Path, results: list[str]
) -> dict[str, Any]:
    """Run a pipeline without files.

    Args:
        pipeline: What to run.
        parameters: Its parameters.
        archive: The competition's zip.
        results: Names of the datasets to return.

    Returns:
        The datasets by name.
    """
    inputs = {
        "competition_archive": MemoryDataset(CompetitionArchive(archive), copy_mode="assign"),
        "session": MemoryDataset(Session(time.time())),
        "earlier_study_plan": MemoryDataset(None),
        **_sections(parameters),
    }
    outputs = {
        name: (_KeptDataset if name in results else MemoryDataset)(copy_mode="assign")
        for name in pipeline.datasets() - inputs.keys()
    }
    catalog = DataCatalog({**inputs, **outputs})
    SequentialRunner().run(pipeline, catalog)
    return {name: catalog.load(name) for name in results}


class _KeptDataset(MemoryDataset):
    """Stays in memory after the last node that loads it has run."""

    def _release(self) -> None:
        pass


def _sections(parameters: Parameters) -> dict[str, MemoryDataset]:
    return {
        f"params:{name}": MemoryDataset(getattr(parameters, name), copy_mode="assign")
        for name in ("clean", "augment", "split", "study")
    }
