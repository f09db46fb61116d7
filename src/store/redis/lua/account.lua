-- Accounts, as one text: failures, consecutive, level, locked_until, clean_since, disabled.
local function account_expires(account)
  if account.consecutive > 0 or account.disabled == 1 then
    return account.clean_since + REMEMBERED_FOR
  end
  return account.clean_since + CLEAN_AFTER
end

-- The second result says whether there was anything to remember.
local function account_of(text)
  if text then
    local f, c, l, u, s, d = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d)$')
    local account = {
      failures = tonumber(f), consecutive = tonumber(c), level = tonumber(l),
      locked_until = tonumber(u), clean_since = tonumber(s), disabled = tonumber(d),
    }
    if account_expires(account) > now then
      return account, true
    end
  end
  return { failures = 0, consecutive = 0, level = 0, locked_until = 0, clean_since = 0, disabled = 0 }, false
end

-- 0 for no lock, -1 for disabled, else the end of the lock.
local function lock_of(account)
  if account.disabled == 1 then
    return -1
  end
  return account.locked_until > now and account.locked_until or 0
end

local function keep_account(key, account, pending_until)
  local text = string.format('%d %d %d %d %d %d', account.failures, account.consecutive, account.level,
    account.locked_until, account.clean_since, account.disabled)
  redis.call('HSET', key, 'account', text)
  redis.call('PEXPIREAT', key, string.format('%d', math.max(account_expires(account), pending_until or 0)))
end
