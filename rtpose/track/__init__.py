"""Trackers give people their ids."""
