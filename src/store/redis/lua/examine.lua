-- KEYS: challenges.
-- ARGV: now, for each of them the candidates (',kid:digest,kid:digest,').
local found = { now }
for i, key in ipairs(KEYS) do
  local challenge, candidates = redis.call('HMGET', key, 'purpose', 'binding', 'phase', 'until', 'codes'), ARGV[i + 1]
  local view = {}
  if is_remembered(challenge) then
    view = { challenge[1], challenge[3], tonumber(challenge[4]) }
    for issued, expires, digest in string.gmatch(challenge[5], '(%d+) (%d+) ([^;]+)') do
      local kid = string.match(digest, '^[^:]+')
      view[#view + 1] = {
        tonumber(issued), tonumber(expires), kid,
        string.find(candidates, ',' .. kid .. ':', 1, true) and 1 or 0,
        string.find(candidates, ',' .. digest .. ',', 1, true) and 1 or 0,
      }
    end
  end
  found[i + 1] = view
end
return found
