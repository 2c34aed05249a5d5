"""Game recording in four processes: the game, the agent that plays it, the output that writes, the coordinator between.

The coordinator is the process that was asked for an episode; the three others are its children and end with it::

    game      launches the game, carries out actions, puts each frame into the ring, says its state
    agent     sees the state (and the ring's depth), says the next action
    output    takes frames from the ring and rows from the coordinator, encodes, validates, commits the episode's row last

Messages are JSON over pipes; pictures travel through the ring in shared memory and are never pickled. Each process
promises when its next sign of life comes; one that is dead or late is killed and started again, and only the open
episode is recorded anew.
"""
