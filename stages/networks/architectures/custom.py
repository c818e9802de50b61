"""Networks of the user's own."""

from stages.config.network import Network
from stages.config.network_fields import BatchNormalisation, Factory


class Custom(BatchNormalisation, Factory, Network):
    """The network that `factory` returns; `batch_norm` states whether it has batch norm."""

    name = "custom"
    label = "custom"
    builder = "stages.networks.user_network:build_custom"
    user_defined = True
    stackable = False  # its bits may depend on the runs beside it
    capture_obstacle = "a network of your own may wait for the GPU or draw random numbers"
