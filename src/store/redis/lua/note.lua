-- KEYS: operations.
-- ARGV: now, whether anything changed (1 or 0), the rest of the record.
note(KEYS[1], ARGV[2] == '1', '', '', ARGV[3])
return { now }
