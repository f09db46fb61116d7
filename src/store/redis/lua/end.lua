-- KEYS: keys that should expire. ARGV: now.
-- The longest that anything is remembered: nothing is forgotten before its time.
local given = 0
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) == -1 then
    redis.call('PEXPIREAT', key, string.format('%d', now + REMEMBERED_FOR))
    given = given + 1
  end
end
return { now, given }
