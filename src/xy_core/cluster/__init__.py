"""More than one machine: where work goes, and how it gets there."""
