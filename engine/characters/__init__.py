"""People by assembly: parts that fit together, numbered without gaps, and the bodies that they make."""
