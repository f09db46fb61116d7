-- The time in milliseconds: the server's, unless a test passes one. Whole numbers of this size are
-- exact in a double; '%d' keeps them out of exponent notation where they become text.
local now = tonumber(ARGV[1])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
