"""Does a map predict what perturbing the image does to the model?"""
