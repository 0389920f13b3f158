"""Vertical datums: what heights are counted from, and the way from one to another."""
