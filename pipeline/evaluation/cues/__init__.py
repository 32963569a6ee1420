"""Do maps point at the parts in which two classes differ? (paper, section 5.2)"""
