-- Everything live about one subject.
-- KEYS: accounts.
-- ARGV: now, challenge prefix, the purposes of the accounts.
local views = { now }
for i, key in ipairs(KEYS) do
  local stored = redis.call('HMGET', key, 'account', 'pending')
  local view = { shown_account((account_of(stored[1]))) }
  if stored[2] then
    local challenge = redis.call('HMGET', ARGV[2] .. stored[2], 'purpose', 'binding', 'phase', 'until', 'codes')
    if is_pending(challenge, ARGV[i + 2]) then
      view[2], view[3], view[4] = stored[2], challenge[3], shown_codes(challenge[5])
    end
  end
  views[i + 1] = view
end
return views
