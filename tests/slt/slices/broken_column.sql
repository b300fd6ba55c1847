json_missing = 1
