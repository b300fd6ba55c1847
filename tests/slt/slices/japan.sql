-- Photographs from Japan.
attributes LIKE '%japan%';
