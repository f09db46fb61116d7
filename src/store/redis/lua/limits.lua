-- Limits: one list of times for each, oldest first. Takes are the last keys and the last arguments:
-- KEYS[first_key + i] goes with max, per and kind at ARGV[first_arg + 3 * i].
-- Kinds: 's' shared, 'o' own, 'f' own and counting failures only.
local takes, first_key, first_arg = 0, 0, 0
local full, opens

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
  return true
end

local function record(i)
  local key, max = KEYS[first_key + i], tonumber(ARGV[first_arg + 3 * i])
  if redis.call('RPUSH', key, string.format('%d', now)) > max then
    redis.call('LTRIM', key, -max, -1)
  end
  redis.call('PEXPIREAT', key, string.format('%d', now + ARGV[first_arg + 3 * i + 1]))
end

local function take_shared()
  for i = 0, takes - 1 do
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

-- Shared limits, lock, own limits: what admit and verify do first, in this order. The reply of a refusal,
-- or nothing when there was room, which is then counted. `lock` is 0 where none refuses.
local function refusal(lock)
  take_shared()
  if lock ~= 0 then
    return { now, 'locked', lock }
  end
  if not full then
    check_own()
  end
  if full then
    return { now, 'limited', full, opens }
  end
  record_own('o')
end
