"""Does a map change when the model's weights do?"""
