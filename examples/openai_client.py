"""Talk to the server with OpenAI's own client; nothing of xy-core is imported.

Start a server first: xy-core serve

Prints:
    models: ...xy-agent...
    reply: ...
"""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("XY_SERVER", "http://127.0.0.1:8765") + "/v1", api_key="none"
)
print("models:", ", ".join(model.id for model in client.models.list()))
stream = client.chat.completions.create(
    model="xy-agent",
    messages=[{"role": "user", "content": "I passed my exam!"}],
    stream=True,
)
print("reply: ", end="")
for chunk in stream:
    print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
print()
