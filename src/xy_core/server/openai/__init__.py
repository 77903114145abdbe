"""OpenAI's endpoints; one file each."""
