from stages.networks.fully_connected import FullyConnected
from stages.networks.network_sizes import Sizes, sizes
from stages.networks.residual import Residual


def test_the_sizes_of_a_fully_connected_network():
    network = FullyConnected(9, (6, 5), 3, "tanh", batch_norm=True)
    weights = 9 * 6 + 6 + 12 + 6 * 5 + 5 + 10 + 5 * 3 + 3
    assert sizes(network, (1, 3, 3)) == Sizes(weights, activations=9 + 6 + 6 + 5 + 5 + 3, largest=6)


def test_the_sizes_of_a_residual_network():
    network = Residual(3, 8, 2, 10, True, "standard")
    weights = sum(p.numel() for p in network.parameters())
    # Convolution and normalisation: the stem and two of each stage, on 8 x 8, 4 x 4 and 2 x 2 pixels.
    activations = 3 * 64 + 2 * (3 * 2 * 64 + 2 * 4 * 16 + 2 * 8 * 4) + 10
    assert sizes(network, (3, 8, 8)) == Sizes(weights, activations, largest=128)


def test_measuring_leaves_the_network_as_it_was():
    network = Residual(3, 8, 2, 10, False, "fixup")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sizes(network, (3, 8, 8))
    assert all((network.state_dict()[name] == value).all() for name, value in before.items())
    assert not any(module._forward_hooks for module in network.modules())
