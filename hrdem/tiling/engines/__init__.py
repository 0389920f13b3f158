"""Engines: where the tiles of a job are made, by processes of this machine or of many."""
