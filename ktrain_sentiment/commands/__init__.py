"""One module a command: flags from the configuration, a call of the workflow, what it shows.

`dispatch.py` finds the command, and `frame.py` is what all of them share: flags, logging, errors,
exit codes, `--json`.
"""
