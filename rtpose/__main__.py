"""`python -m rtpose`, for programs that start a module: `torchrun -m rtpose train …`."""

from rtpose.cli import main

main()
