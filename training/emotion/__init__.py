"""How the weights of the emotion module are made; not part of the package."""
