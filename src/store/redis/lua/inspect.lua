-- KEYS: any that were found.
-- ARGV: now, for each of them 1 if it is to be measured, else 0.
-- For each key the milliseconds until it expires (-1 never, -2 gone) and its bytes (0 if not measured).
local seen = { now }
for i, key in ipairs(KEYS) do
  seen[2 * i] = redis.call('PTTL', key)
  seen[2 * i + 1] = ARGV[i + 1] == '1' and redis.call('MEMORY', 'USAGE', key) or 0
end
return seen
