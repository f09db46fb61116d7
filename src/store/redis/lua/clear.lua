-- KEYS: account, locked set, operations, buckets.
-- ARGV: now, subject, purpose, the rest of the record, takes.
local stored = redis.call('HMGET', KEYS[1], 'account', 'pending_until')
local account, changed = account_of(stored[1])
redis.call('HDEL', KEYS[1], 'account')
if stored[2] then
  redis.call('PEXPIREAT', KEYS[1], stored[2])
end
redis.call('ZREM', KEYS[2], ARGV[2])
local forgiven = {}
for i = 1, #KEYS - 3 do
  forgiven[i] = forget(KEYS[i + 3], ARGV[3 * i + 3])
  changed = changed or forgiven[i] > 0
end
note(KEYS[3], changed, ARGV[3], '', ARGV[4])
return { now, shown_account(account), forgiven }
