"""How does a player get frames in real time, and how good are they?"""
