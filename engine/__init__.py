"""How are episodes made? Embedded worlds and games, recorded frame by frame with exact pose."""
