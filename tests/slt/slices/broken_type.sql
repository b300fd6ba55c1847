score + 1
