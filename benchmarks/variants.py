"""Layers, weights and multiply-adds of every configured variant.

Builds each network of the base environment; --scale builds them as study.scale makes them.
"""

import argparse

from measuring import print_table
from project import CONF

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.models.complexity import network_size
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import scale_variant


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="as study.scale, 0.02 to 1")
    scale = parser.parse_args().scale
    rows = []
    for name, full in load_parameters(CONF).variants.items():
        variant = scale_variant(full, scale)
        size = network_size(build_model(variant.architecture, variant.settings))
        rows.append(
            [
                name,
                *(str(count) for count in (size.convs, size.pools, size.dense)),
                f"{size.parameters:,}",
                f"{size.multiply_adds / 1e6:,.1f} M",
                str(variant.train.epochs),
            ]
        )
    header = ["variant", "convolutions", "pools", "dense", "weights", "multiply-adds", "epochs"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
