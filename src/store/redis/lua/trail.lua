-- What operators did, oldest first: each a text of lines, the time first, then whether anything changed, the purpose,
-- the reference, and what only the caller knows.

-- The oldest that changed nothing goes, and only if there is none the oldest of all.
local function make_room(key)
  for _, record in ipairs(redis.call('LRANGE', key, 0, -1)) do
    if string.match(record, '^%d+\n0\n') then
      redis.call('LREM', key, 1, record)
      return
    end
  end
  redis.call('LPOP', key)
end

local function note(key, changed, purpose, reference, rest)
  redis.call('RPUSH', key, string.format('%d\n%d\n%s\n%s\n%s', now, changed and 1 or 0, purpose, reference, rest))
  local oldest = redis.call('LINDEX', key, 0)
  while string.match(oldest, '^%d+') + REMEMBERED_FOR <= now do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  while redis.call('LLEN', key) > KEPT_RECORDS do
    make_room(key)
  end
  redis.call('PEXPIREAT', key, string.format('%d', now + REMEMBERED_FOR))
end
