-- What operators did, oldest first: each a text of lines, the time first, then whether anything changed, the purpose,
-- the reference, and what only the caller knows.
local function note(key, changed, purpose, reference, rest)
  redis.call('RPUSH', key, string.format('%d\n%d\n%s\n%s\n%s', now, changed and 1 or 0, purpose, reference, rest))
  redis.call('LTRIM', key, -KEPT_RECORDS, -1)
  local oldest = redis.call('LINDEX', key, 0)
  while string.match(oldest, '^%d+') + REMEMBERED_FOR <= now do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  redis.call('PEXPIREAT', key, string.format('%d', now + REMEMBERED_FOR))
end
