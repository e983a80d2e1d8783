"""Things on pictures: anchors, matching, losses, and what is left of boxes that overlap."""
