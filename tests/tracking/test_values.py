from facial_keypoints.tracking.values import node_parameters

INPUTS = {
    "params:variants.tiny": {"name": "tiny", "train": {"epochs": 2}, "settings": {"convs": 3}},
    "params:study": {"reuse": True},
    "train_faces": object(),
}


def test_node_without_namespace_is_described_by_its_parameters():
    assert node_parameters({"params:seed": 1, "faces": object()}, None) == {"seed": 1}


def test_node_of_a_variant_is_described_by_the_fields_of_the_variant():
    expected = {"train.epochs": 2, "settings.convs": 3}
    assert node_parameters(INPUTS, "tiny") == expected


def test_namespace_without_parameters_is_described_by_none():
    assert node_parameters({"params:competition": {"minutes": 5}}, "ensemble") == {}
