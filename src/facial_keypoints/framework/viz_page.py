"""The page of Kedro-Viz: it opens from left to right, and asks no other host for anything.

Kedro-Viz has no setting for either.
"""

import re
import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Final

from facial_keypoints.framework.viz_graph import arrange, sort_layers

_FONTS: Final = re.compile(r"\s*<link[^>]*fonts\.g[^>]*>")
"""Links to a font of Google's; the page has others to fall back on."""
_START: Final = """<script>
      // At the first visit: from left to right, and nothing beside or over the graph.
      // What the reader chooses is kept.
      if (!localStorage.getItem("KedroViz-opened")) {
        const choices = JSON.parse(localStorage.getItem("KedroViz") || "{}");
        const visible = { ...choices.visible, sidebar: false };
        const first = { orientation: "horizontal", showFeatureHints: false, visible };
        localStorage.setItem("KedroViz", JSON.stringify({ ...choices, ...first }));
        localStorage.setItem("KedroViz-opened", "true");
      }
    </script>
    </head>"""


def adapt_page(html: str) -> str:
    """Return Kedro-Viz's page without foreign fonts, and from left to right at the first visit."""
    return _FONTS.sub("", html).replace("</head>", _START, 1)


def adapt_kedro_viz() -> None:
    """Adapt Kedro-Viz's graph and page, where this process shows or builds them."""
    server = sys.modules.get("kedro_viz.server")
    if server is None:
        return
    manager = server.data_access_manager
    manager.create_modular_pipelines_tree_for_registered_pipeline = partial(arrange, manager)
    manager.get_sorted_layers_for_registered_pipeline = partial(sort_layers, manager)
    apps = sys.modules.get("kedro_viz.api.apps")
    if apps is not None:
        _adapt_server(apps)


def _adapt_server(apps: Any) -> None:
    from fastapi.responses import HTMLResponse
    from kedro_viz.api.rest import router
    from kedro_viz.api.rest.responses.version import get_static_version_response

    router.get_version_response = get_static_version_response  # the other one asks PyPI
    create_app = apps.create_api_app_from_project

    @wraps(create_app)
    def create_adapted_app(*args: Any, **kwargs: Any) -> Any:
        async def adapt(request: Any, call_next: Callable[[Any], Any]) -> Any:
            response = await call_next(request)
            if request.url.path not in ("/", "/workflow"):
                return response
            parts = [part async for part in response.body_iterator]
            return HTMLResponse(adapt_page(b"".join(parts).decode()))

        app = create_app(*args, **kwargs)
        app.middleware("http")(adapt)
        return app

    apps.create_api_app_from_project = create_adapted_app
