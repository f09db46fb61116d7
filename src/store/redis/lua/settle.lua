-- KEYS: challenge.
-- ARGV: now, account prefix, pending prefix, subject, reference, request, settlement ('commit', 'release').
local challenge = redis.call('HMGET', KEYS[1], 'purpose', 'binding', 'phase', 'until')
if not is_remembered(challenge) or challenge[3] ~= 'reserved ' .. ARGV[6] then
  return { now, 'not_held' }
end
local account_key = ARGV[2] .. challenge[1]
local is_current = redis.call('HGET', account_key, 'pending') == ARGV[5]
local phase = 'consumed'
if ARGV[7] == 'release' then
  -- Another challenge may have taken its place while the upstream was being asked.
  phase = is_current and 'live' or 'superseded'
elseif is_current then
  redis.call('HDEL', account_key, 'pending', 'pending_until')
  redis.call('ZREM', ARGV[3] .. challenge[1], ARGV[4])
end
redis.call('HSET', KEYS[1], 'phase', phase)
return { now, 'settled' }
