-- KEYS: for each kind and purpose its set in every shard, one after the other.
-- ARGV: now, the number of shards.
local counts, shards, total = { now }, tonumber(ARGV[2]), 0
for i, key in ipairs(KEYS) do
  total = total + redis.call('ZCOUNT', key, string.format('(%d', now), '+inf')
  if i % shards == 0 then
    counts[#counts + 1], total = total, 0
  end
end
return counts
