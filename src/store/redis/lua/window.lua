-- The events of a limit, for those who look at it or empty it.

-- How many of a list's times, oldest first, are in the window of this length that ends now.
local function used_within(key, per)
  local length = redis.call('LLEN', key)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('LINDEX', key, middle) + per > now then
      high = middle
    else
      low = middle + 1
    end
  end
  return length - low
end

-- Empties a limit, and tells how many of its events would still have counted.
local function forget(key, per)
  local events = used_within(key, per)
  redis.call('DEL', key)
  return events
end
