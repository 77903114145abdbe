"""Endpoints for whoever runs the program: health, figures, tasks, events."""
