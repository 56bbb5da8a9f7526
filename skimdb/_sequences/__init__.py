"""Ids and words as flat arrays. Nothing here knows what a network is."""
