-- KEYS: buckets.
-- ARGV: now, takes.
local usage = { now }
for i, key in ipairs(KEYS) do
  local max, per = ARGV[3 * i - 1], ARGV[3 * i]
  local deciding, latest = redis.call('LINDEX', key, -max), redis.call('LINDEX', key, -1)
  local opens, empties = deciding and deciding + per or 0, latest and latest + per or 0
  usage[#usage + 1] = used_within(key, per)
  usage[#usage + 1] = opens > now and opens or 0
  usage[#usage + 1] = empties > now and empties or 0
end
return usage
