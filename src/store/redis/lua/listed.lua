-- Subjects that are listed until a time, for the census: sorted sets by that time.

-- Who adds one takes out those whose time is over, so that no set grows for ever where nobody counts.
local function list_until(key, subject, ends, least)
  redis.call('ZADD', key, string.format('%d', ends), subject)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%d', now))
  redis.call('PEXPIREAT', key, string.format('%d', math.max(ends, now + least)))
end
