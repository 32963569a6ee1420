"""Does the model need what a map marks? (paper, section 5.3)"""
