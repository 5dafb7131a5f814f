select cast('2024-01-01 00:00:00' as timestamp) as hour
