-- Challenges, read as { purpose, binding, phase, until, codes }.
-- Phases: 'live', 'reserved <request>', 'consumed', 'superseded'.
-- Codes: 'issued expires kid:digest', oldest first, joined by ';'.
local function is_remembered(challenge)
  return challenge[4] and tonumber(challenge[4]) > now
end

local function is_reserved(challenge)
  return string.sub(challenge[3], 1, 9) == 'reserved '
end

-- Whether it can still come to an acceptance for this purpose.
local function is_pending(challenge, purpose)
  return is_remembered(challenge) and challenge[1] == purpose
    and (challenge[3] == 'live' or is_reserved(challenge))
end
