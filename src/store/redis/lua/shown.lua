-- Accounts and challenges as operators see them.
local function shown_account(account)
  return {
    account.failures, account.consecutive, account.level, account.locked_until, account.clean_since,
    account.disabled, lock_of(account),
  }
end

-- Codes without their digests: 'issued expires kid', joined by ';'.
local function shown_codes(codes)
  return (string.gsub(codes, ':[^;]*', ''))
end
