-- KEYS: the counts of the day, the latest batch of the instance ('sequence until').
-- ARGV: now, sequence, start of the day, then keys and numbers by turns.
local sequence, starts = tonumber(ARGV[2]), tonumber(ARGV[3])
local forgotten_at = starts + A_DAY + REMEMBERED_FOR
if forgotten_at <= now or starts > (math.floor(now / A_DAY) + 1) * A_DAY then
  return { now, 'out_of_range' }
end
local latest, ends = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%d+)$')
if latest and tonumber(ends) > now and tonumber(latest) >= sequence then
  return { now, 'repeated' }
end
ends = string.format('%d', now + BATCHES_REMEMBERED_FOR)
redis.call('SET', KEYS[2], string.format('%d %s', sequence, ends))
redis.call('PEXPIREAT', KEYS[2], ends)
local has_room = redis.call('HLEN', KEYS[1]) + (#ARGV - 3) / 2 <= MOST_KEYS
for i = 4, #ARGV, 2 do
  local key = ARGV[i]
  if not has_room and redis.call('HLEN', KEYS[1]) >= MOST_KEYS and redis.call('HEXISTS', KEYS[1], key) == 0 then
    key = LEFT_OUT
  end
  redis.call('HINCRBY', KEYS[1], key, ARGV[i + 1])
end
redis.call('PEXPIREAT', KEYS[1], string.format('%d', forgotten_at))
return { now, 'added' }
