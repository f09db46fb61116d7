-- KEYS: challenge, buckets.
-- ARGV: now, account prefix, locked prefix, subject, request, candidates (',kid:digest,kid:digest,'),
-- lockouts (';purpose after for escalate at_most disable_after;'), takes.
local challenge = redis.call('HMGET', KEYS[1], 'purpose', 'binding', 'phase', 'until', 'codes')
local purpose, candidates = challenge[1], ARGV[6]
first_key, first_arg = 2, 8
takes = #KEYS - 1

local after, lock_for, escalate, at_most, disable_after
if is_remembered(challenge) then
  local _, found = string.find(ARGV[7], ';' .. purpose .. ' ', 1, true)
  if found then
    after, lock_for, escalate, at_most, disable_after =
      string.match(ARGV[7], '^(%d+) (%d+) (%d+) (%d+) (%d+);', found + 1)
  end
end
local account_key, stored, account, had_account
local lock = 0
if after then
  account_key = ARGV[2] .. purpose
  stored = redis.call('HMGET', account_key, 'account', 'pending_until')
  account, had_account = account_of(stored[1])
  lock = lock_of(account)
end
local refused = refusal(lock)
if refused then
  if after then
    refused[#refused + 1] = purpose
    refused[#refused + 1] = account.failures
  end
  return refused
end
if not after then
  return { now, used, 'unknown' }
end
if challenge[3] == 'superseded' then
  return { now, used, 'superseded', purpose, account.failures }
end
if challenge[3] ~= 'live' then
  return { now, used, 'spent', purpose, account.failures }
end

local any_live, presented, was_expired, known = false, false, false, false
for issued, expires, digest in string.gmatch(challenge[5], '(%d+) (%d+) ([^;]+)') do
  local matches = string.find(candidates, ',' .. digest .. ',', 1, true)
  if tonumber(expires) > now then
    any_live = true
    presented = presented or (matches and tonumber(issued))
    known = known or string.find(candidates, ',' .. string.match(digest, '^[^:]+:'), 1, true)
  elseif matches then
    was_expired = true
  end
end
if presented then
  redis.call('HSET', KEYS[1], 'phase', 'reserved ' .. ARGV[5])
  local failures = account.failures
  if had_account then
    account.failures, account.consecutive = 0, 0
    keep_account(account_key, account, stored[2])
  end
  return { now, used, 'reserved', purpose, failures, challenge[2], math.max(0, now - presented) }
end
if was_expired or not any_live then
  return { now, used, 'expired', purpose, account.failures }
end
if not known then
  return { now, used, 'unknown_key', purpose, account.failures }
end

record_own('f')
if now >= account.clean_since + CLEAN_AFTER then
  account.level = 0
end
local failures = account.failures
account.failures = failures + 1
account.consecutive = account.consecutive + 1
account.clean_since = now
local left, lock_until = after - account.failures, nil
if account.consecutive >= tonumber(disable_after) then
  account.failures, account.disabled = 0, 1
  left, lock, lock_until = 0, -1, account_expires(account)
elseif left <= 0 then
  local longest, length = tonumber(at_most), math.min(lock_for, at_most)
  for _ = 1, account.level do
    if length >= longest or tonumber(escalate) <= 1 then
      break
    end
    length = math.min(length * escalate, longest)
  end
  account.failures, account.level = 0, account.level + 1
  account.locked_until = now + length
  account.clean_since = account.locked_until
  left, lock, lock_until = 0, account.locked_until, account.locked_until
end
keep_account(account_key, account, stored[2])
if lock_until then
  list_until(ARGV[3] .. purpose, ARGV[4], lock_until, REMEMBERED_FOR)
end
return { now, used, 'mismatch', purpose, failures, account.failures, left, lock }
