"""Who goes first on a machine that has more to do than it can: who talks with people, before who looks at pictures.

Niceness can be raised without any right and never lowered, so that all begin low.
"""

#: Of all processes that a Ray of our own starts; Ray's own is 15.
WORKERS = 5
#: What cameras and networks add to that: as nice as Ray would have made them.
SEEING = 10
