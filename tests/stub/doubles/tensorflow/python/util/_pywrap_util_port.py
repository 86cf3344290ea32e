def IsMklEnabled() -> bool:
    return False
