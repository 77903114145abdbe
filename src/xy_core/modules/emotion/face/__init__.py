"""What a face says about emotion."""
