category = 'clock_reading'
