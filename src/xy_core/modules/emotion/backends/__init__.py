"""How emotions are read: one adapter a kind of model."""
