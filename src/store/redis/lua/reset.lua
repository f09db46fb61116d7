-- KEYS: operations, buckets.
-- ARGV: now, for each bucket the length of its window, the purpose, and the rest of the record.
local forgotten = { now }
for i = 1, #KEYS - 1 do
  local events = forget(KEYS[i + 1], ARGV[3 * i - 1])
  note(KEYS[1], events > 0, ARGV[3 * i], '', ARGV[3 * i + 1])
  forgotten[i + 1] = events
end
return forgotten
