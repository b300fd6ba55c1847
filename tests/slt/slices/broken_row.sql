CAST(question AS INT) = 1
