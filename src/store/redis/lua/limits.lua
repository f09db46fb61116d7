-- Limits: one list of times for each, oldest first. Takes are the last keys and the last arguments:
-- KEYS[first_key + i] goes with max, per and kind at ARGV[first_arg + 3 * i].
-- Kinds: 's' shared, 'o' own, 'f' own and counting failures only.
local takes, first_key, first_arg = 0, 0, 0
local full, opens
-- What is told of each limit, if anything is to be told (TELLS): -1 if it was full, which event of its
-- window was counted, 0 if neither.
local used = {}

local function kind_of(i)
  return ARGV[first_arg + 3 * i + 2]
end

-- Whether a limit is full. Of several that are, the one that opens last is kept.
local function is_full(i)
  local deciding = redis.call('LINDEX', KEYS[first_key + i], -ARGV[first_arg + 3 * i])
  if not deciding then
    return false
  end
  local at = deciding + ARGV[first_arg + 3 * i + 1]
  if at <= now then
    return false
  end
  if not opens or at > opens then
    full, opens = i + 1, at
  end
  if TELLS then
    used[i + 1] = -1
  end
  return true
end

local function time_at(key, place)
  return tonumber(redis.call('LINDEX', key, place) or 0)
end

-- How many of a list's times are later than `since`. The last one is.
local function later_than(since, key, length)
  if length == 1 or time_at(key, -2) <= since then
    return 1
  end
  if length == 2 or time_at(key, 0) > since then
    return length
  end
  local earlier, later = 0, length - 2
  while later - earlier > 1 do
    local middle = math.floor((earlier + later) / 2)
    if time_at(key, middle) > since then
      later = middle
    else
      earlier = middle
    end
  end
  return length - later
end

local function record(i)
  local key, max, per = KEYS[first_key + i], tonumber(ARGV[first_arg + 3 * i]), ARGV[first_arg + 3 * i + 1]
  local length = redis.call('RPUSH', key, string.format('%d', now))
  if length > max then
    redis.call('LTRIM', key, -max, -1)
    length = max
  end
  -- Before the key gets its end, which a short window may have reached by now.
  if TELLS and max <= COUNTED_UP_TO then
    used[i + 1] = later_than(now - per, key, length)
  end
  redis.call('PEXPIREAT', key, string.format('%d', now + per))
end

local function take_shared()
  for i = 0, takes - 1 do
    if TELLS then
      used[i + 1] = 0
    end
    if kind_of(i) == 's' and not is_full(i) then
      record(i)
    end
  end
end

local function check_own()
  for i = 0, takes - 1 do
    if kind_of(i) ~= 's' then
      is_full(i)
    end
  end
end

local function record_own(kind)
  for i = 0, takes - 1 do
    if kind_of(i) == kind then
      record(i)
    end
  end
end

-- Shared limits, lock, own limits: what admit and verify do first, in this order. The reply of a refusal, to
-- which the caller adds what it knows of the account, or nothing when there was room, which is then counted. `lock` is 0 where none refuses.
local function refusal(lock)
  take_shared()
  if lock ~= 0 then
    return { now, used, 'locked', lock }
  end
  if not full then
    check_own()
  end
  if full then
    return { now, used, 'limited', full, opens }
  end
  record_own('o')
end
