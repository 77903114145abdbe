"""The server: the agent and its models over HTTP, as OpenAI's API has them, and more."""
