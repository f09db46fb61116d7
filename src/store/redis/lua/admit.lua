-- KEYS: account (if there is a standpoint), buckets.
-- ARGV: now, standpoint ('' none, 'tell', 'refuse'), purpose, challenge prefix, takes.
local standpoint, purpose = ARGV[2], ARGV[3]
first_key = standpoint == '' and 1 or 2
first_arg = 5
takes = #KEYS - first_key + 1

local failures, lock, reference, challenge = 0, 0, false, false
if standpoint ~= '' then
  local stored = redis.call('HMGET', KEYS[1], 'account', 'pending')
  local account = account_of(stored[1])
  failures, lock, reference = account.failures, lock_of(account), stored[2]
end
local refused = refusal(standpoint == 'refuse' and lock or 0)
if refused then
  return refused
end
if reference then
  challenge = redis.call('HMGET', ARGV[4] .. reference, 'purpose', 'binding', 'phase', 'until', 'codes')
end
if not challenge or not is_pending(challenge, purpose) then
  return { now, 'admitted', failures, lock }
end
local issued, expires = string.match(challenge[5], '(%d+) (%d+) [^;]+$')
return {
  now, 'admitted', failures, lock,
  reference, challenge[2], tonumber(issued), tonumber(expires), is_reserved(challenge) and 1 or 0,
}
