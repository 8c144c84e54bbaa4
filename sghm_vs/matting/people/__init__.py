"""
Who is who: the people of a shot, told apart and given numbers that last.

    mask of all -> pieces -> chains of them along the motion -> numbers -> labels where people touch

A shot is looked at every few frames. What is found goes into a file (`record`), and every frame's share
of each person is a pure function of that file and the frame (`shares`).
"""
