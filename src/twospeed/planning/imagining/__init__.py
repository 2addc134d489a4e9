"""Video planners: frames that lead to a sub-goal, from what is seen and what is remembered."""
