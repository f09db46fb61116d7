-- KEYS: a sorted set of subjects by the end of something.
-- ARGV: now, the most to be removed.
local over = redis.call('ZCOUNT', KEYS[1], '-inf', string.format('%d', now))
local removed = math.min(over, tonumber(ARGV[2]))
if removed > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, removed - 1)
end
return { now, removed }
