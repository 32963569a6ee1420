"""Does a map's peak lie on the object, or on the right image of a grid?"""
