"""What a voice says about emotion, whatever its words say."""
