"""The line between two checkpoints, by one command: python -m stages.line BEFORE AFTER --factory ... --data ..."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from stages.shared import products

# Before PyTorch is imported, and only for this command: nothing here is compared bit by bit.
if __name__ == "__main__" and not os.environ.get(products.VARIABLE):
    os.environ[products.VARIABLE] = "native"
    products.choose()

from stages.shared.errors import UserError  # noqa: E402
from stages.shared.terminal import escape_unprintable, use_utf8  # noqa: E402

EXAMPLES = """\
Evaluate the straight line between two checkpoints: loss, accuracy, min Delta, barrier, distance, Gauss lengths.

  python -m examples.digits        # trains two small networks for half a minute, saves examples/weights/*

  # from the first to the last weights
  python -m stages.line examples/weights/epoch_0.pt examples/weights/epoch_12.pt \\
      --factory examples.digits:network --data digits

  # the path of training, its plane, and the line of each checkpoint to the last
  python -m stages.line examples/weights/epoch_*.pt --factory examples.digits:network --data digits

  # a network of torchvision on tensors of one's own, from the weights that the factory draws
  python -m stages.line factory examples/weights/shufflenet.safetensors \\
      --factory torchvision.models:shufflenet_v2_x0_5 --arg num_classes=10 --data examples/weights/digits.npz
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m stages.line", description=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("checkpoints", nargs="+", metavar="CHECKPOINT", help="two or more files, folders, or the word `factory`")
    add(
        "--factory",
        required=True,
        help="package.module:name or FILE.py:name, which gives the network",
    )
    add("--arg", action="append", default=[], metavar="NAME=VALUE", help="argument of the factory; may be repeated")
    add("--data", help="digits, mnist, cifar10, ...; a folder of images; a file .npz, .pt, .safetensors")
    add("--dataset-factory", metavar="NAME", help="a function that gives a torch Dataset, or tensors (inputs, targets)")
    add("--data-arg", action="append", default=[], metavar="NAME=VALUE", help="argument of the dataset factory")
    add("--transform", metavar="NAME", help="a function that gives the preprocessing of images, for a folder of images")
    add("--size", type=int, help="side of images in pixels, for a folder of images without --transform")
    add("--loss", default="cross_entropy", help="cross_entropy (default), squared_error, or package.module:function")
    add(
        "--batch-norm",
        choices=("reestimated", "stored", "batch"),
        default="reestimated",
        help="statistics of batch norm",
    )
    add("--plane", metavar="CHECKPOINT", help="a third checkpoint: the loss on the plane through all three")
    add("--entry", help="a word in the name of the entry that holds the weights, such as ema")
    add("--alphas", type=int, default=50, help="number of alphas (default: %(default)s)")
    add("--examples", type=int, help="largest number of training examples (default: as many as are needed)")
    add("--gauss-examples", type=int, default=32, help="examples with a Gauss length (default: %(default)s)")
    add("--batch", type=int, help="largest number of examples at once (default: by the memory)")
    add("--tolerance", type=float, default=1e-3, help="min Delta of a monotone line (default: %(default)s)")
    add("--device", default="cpu", help="cpu (default), cuda, or auto")
    add("--out", type=Path, default=Path("line"), help="folder of the report (default: %(default)s)")
    return made


def main() -> None:
    """Run the command and exit."""
    use_utf8()
    escape_unprintable()
    given = parser().parse_args()
    try:
        from stages.single_line.command import run_command  # imports PyTorch, which takes seconds

        run_command(given, f"python -m stages.line {shlex.join(sys.argv[1:])}")
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted")
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        sys.exit(f"error: cannot use the file{name}: {error.strerror or error}; mend it and run again")


if __name__ == "__main__":
    main()
