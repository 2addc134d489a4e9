"""Folders of videos in, scores between a floor and a ceiling out; no model is needed."""
