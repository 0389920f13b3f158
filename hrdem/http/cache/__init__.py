"""The download cache: byte ranges of files by version, and responses to queries."""
