"""How spread out is a map?"""
