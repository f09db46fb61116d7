-- A part of a sorted set of subjects by the end of something. Those whose time is over are left out.
-- KEYS: the set.
-- ARGV: now, purpose, the most members, the end and the subject of the last one seen ('' for none), prefix of
-- accounts, prefix of challenges.

-- The place after the last one seen. If that has gone, the first that ends when it did: rather one twice than one
-- never.
local function place_after(ends, subject)
  local over = redis.call('ZCOUNT', KEYS[1], '-inf', string.format('%d', now))
  if ends == '' then
    return over
  end
  local score = redis.call('ZSCORE', KEYS[1], subject)
  local place
  if score and tonumber(score) == tonumber(ends) then
    place = redis.call('ZRANK', KEYS[1], subject) + 1
  else
    place = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ends)
  end
  return math.max(over, place)
end

-- The time, how many members were looked at, the last one of them, and what `show` made of each.
local function listing(show)
  local from = place_after(ARGV[4], ARGV[5])
  local members = redis.call('ZRANGE', KEYS[1], from, from + ARGV[3] - 1, 'WITHSCORES')
  local shown = {}
  for i = 1, #members, 2 do
    local entry = show(members[i], ARGV[6] .. members[i] .. ':' .. ARGV[2])
    if entry then
      shown[#shown + 1] = entry
    end
  end
  return { now, #members / 2, tonumber(members[#members] or 0), members[#members - 1] or '', shown }
end
