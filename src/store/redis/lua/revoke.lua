-- KEYS: operations.
-- ARGV: now, challenge prefix, account prefix, pending prefix, subject, purpose and reference ('' for the one that is
-- not given), the rest of the record.
local purpose, reference = ARGV[6], ARGV[7]
local by_purpose = reference == ''
if by_purpose then
  reference = redis.call('HGET', ARGV[3] .. purpose, 'pending')
end
local challenge = { false }
if reference then
  challenge = redis.call('HMGET', ARGV[2] .. reference, 'purpose', 'binding', 'phase', 'until')
end
local reserved, live = false, false
if is_remembered(challenge) and (not by_purpose or challenge[1] == purpose) then
  reserved, live = is_reserved(challenge), challenge[3] == 'live'
end
if not reserved and not live then
  note(KEYS[1], false, purpose, ARGV[7], ARGV[8])
  return { now, 'nothing' }
end
purpose = challenge[1]
note(KEYS[1], live, purpose, reference, ARGV[8])
if reserved then
  return { now, 'reserved', reference, purpose }
end
redis.call('HSET', ARGV[2] .. reference, 'phase', 'superseded')
local account_key = ARGV[3] .. purpose
if redis.call('HGET', account_key, 'pending') == reference then
  redis.call('HDEL', account_key, 'pending', 'pending_until')
  redis.call('ZREM', ARGV[4] .. purpose, ARGV[5])
end
return { now, 'revoked', reference, purpose }
