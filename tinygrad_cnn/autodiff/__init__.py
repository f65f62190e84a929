"""Layers on the engine that every higher part may use."""
