"""Which clips are worth training on? Reads episodes, poses and captions, writes the tables clip_scores, clips and datasets."""
