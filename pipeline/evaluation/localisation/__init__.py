"""Do maps cover the object? MaxBoxAccV2 and PxAP (paper, section 5.4)"""
