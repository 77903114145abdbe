"""The web page: plain ES modules, served as they are."""
