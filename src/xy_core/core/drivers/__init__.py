"""The makers' drivers, one file each: which devices there are, and what memory they have."""
