"""Metrics, controls, protocols and reports: what a memory recalls, measured against the truth.

Metrics see frames, never models, and import core only; protocols also import data, worlds,
worldmodel, generation and memory.
"""
