"""The command line: a module for each command, one registry of options."""
