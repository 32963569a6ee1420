"""Do maps show where people look?"""
