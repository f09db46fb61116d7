-- KEYS: operations.
-- ARGV: now.
local removed, oldest = 0, redis.call('LINDEX', KEYS[1], 0)
while oldest and string.match(oldest, '^%d+') + REMEMBERED_FOR <= now do
  redis.call('LPOP', KEYS[1])
  removed, oldest = removed + 1, redis.call('LINDEX', KEYS[1], 0)
end
return { now, removed }
