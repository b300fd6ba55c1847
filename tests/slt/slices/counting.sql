-- Counting on original images.
category = 'counting' AND operation = 'original'
