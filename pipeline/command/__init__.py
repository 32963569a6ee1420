"""The command ``calm``: what a study needs day by day, in words (docs/command.md).

One module per subcommand. None of them imports PyTorch before it is asked to run.
"""
