"""Finish the static site that ``kedro viz build`` writes into ``build``, as ``build/viz``.

    KEDRO_ENV=demo kedro viz build --include-previews
    python -m facial_keypoints.framework.viz_site

It works in any folder of any web server, without a network, and names no folder of this machine.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from facial_keypoints.framework.viz_page import adapt_page

_KEPT: Final = ("api", "assets", "favicon.ico", "index.html")
_RUN_STATUS: Final = """<script>
      // Kedro-Viz asks for the last run at the root of the server
      const request = window.fetch;
      window.fetch = (address, ...options) =>
        request(address === "/api/run-status" ? "./api/run-status" : address, ...options);
    </script>
    </head>"""


def finish_site(build: Path, project: Path) -> Path:
    """Move Kedro-Viz's site to ``viz`` in its folder, and make it work there.

    Args:
        build: What ``kedro viz build`` wrote.
        project: The project's folder, whose path is removed from the site.

    Returns:
        The folder of the site.
    """
    site = build / "viz"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir()
    for name in _KEPT:
        (build / name).rename(site / name)
    for left in (".vite", "404.html", "autoreload.html", "telemetry.html"):
        path = build / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    index = site / "index.html"
    page = adapt_page(index.read_text(encoding="utf-8"))
    index.write_text(page.replace("</head>", _RUN_STATUS, 1), encoding="utf-8")
    (site / "api/metadata").write_text(_metadata(), encoding="utf-8")
    status = site / "api/run-status"
    run = json.loads(status.read_text(encoding="utf-8"), object_hook=_without_traceback)
    status.write_text(json.dumps(run), encoding="utf-8")
    for response in (path for path in (site / "api").rglob("*") if path.is_file()):
        response.write_text(_without_folder(response.read_text(encoding="utf-8"), project))
    return site


def _metadata() -> str:
    """What a running server answers, and ``kedro viz build`` does not write."""
    from kedro_viz.api.rest.responses.metadata import MetadataAPIResponse
    from kedro_viz.api.rest.utils import get_package_compatibilities

    packages = get_package_compatibilities()
    return str(MetadataAPIResponse(package_compatibilities=packages).model_dump_json())


def _without_traceback(values: dict[str, Any]) -> dict[str, Any]:
    """An error of a node without the paths of Python's files; its message stays."""
    return values | {"traceback": ""} if "traceback" in values else values


def _without_folder(text: str, project: Path) -> str:
    """The text with paths from the project's folder on; those of code begin with its name."""
    text = text.replace(f"{project.as_posix()}/", "").replace(f'"{project.name}/src/', '"src/')
    return text.replace(f"{Path.home().as_posix()}/", "~/")


if __name__ == "__main__":
    print(f"The site of Kedro-Viz is in {finish_site(Path('build'), Path.cwd())}/")
