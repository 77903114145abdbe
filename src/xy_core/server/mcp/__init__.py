"""The agent's abilities as tools of the Model Context Protocol."""
