"""How good are the frames? Scores on scenes never trained on, beside baselines and controls, and the report that shows them."""
