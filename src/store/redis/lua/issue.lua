-- KEYS: challenge, account, pending set.
-- ARGV: now, challenge prefix, reference, purpose, subject, expected ('*' anything, '' nothing, or a
-- reference), binding, digest, ttl, live, cooldown.
local reference, purpose, subject, expected, binding = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local stored = redis.call('HMGET', KEYS[2], 'account', 'pending')
local existing = redis.call('HMGET', KEYS[1], 'purpose', 'binding', 'phase', 'until', 'codes')
local pending, older = stored[2], existing
if pending and pending ~= reference then
  older = redis.call('HMGET', ARGV[2] .. pending, 'purpose', 'binding', 'phase', 'until')
end
if pending and not is_pending(older, purpose) then
  pending = false
end
if expected ~= '*' and expected ~= (pending or '') then
  return { now, 'stale' }
end

local codes = {}
if is_remembered(existing) then
  if existing[1] ~= purpose or existing[3] == 'consumed' or is_reserved(existing) then
    return { now, 'spent' }
  end
  if existing[3] == 'live' and existing[2] == binding then
    for code in string.gmatch(existing[5], '[^;]+') do
      codes[#codes + 1] = code
    end
  end
end
if #codes > 0 then
  local retry_at = string.match(codes[#codes], '^%d+') + ARGV[11]
  if retry_at > now then
    return { now, 'too_soon', retry_at }
  end
end

if pending and pending ~= reference and older[3] == 'live' then
  redis.call('HSET', ARGV[2] .. pending, 'phase', 'superseded')
end
local expires = now + ARGV[9]
codes[#codes + 1] = string.format('%d %d %s', now, expires, ARGV[8])
local kept = table.concat(codes, ';', math.max(1, #codes - ARGV[10] + 1))
local remembered = string.format('%d', expires + REMEMBERED_BEYOND_CODE)
redis.call('HSET', KEYS[1], 'purpose', purpose, 'binding', binding, 'phase', 'live', 'until', remembered,
  'codes', kept)
redis.call('PEXPIREAT', KEYS[1], remembered)
redis.call('HSET', KEYS[2], 'pending', reference, 'pending_until', remembered)
local account_until = stored[1] and account_expires(account_of(stored[1])) or 0
redis.call('PEXPIREAT', KEYS[2], string.format('%d', math.max(remembered, account_until)))
list_until(KEYS[3], subject, expires, A_DAY)
return { now, 'issued', expires }
