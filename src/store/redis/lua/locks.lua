-- Subjects that are locked; see listing.
return listing(function(subject, account_key)
  local account = account_of(redis.call('HGET', account_key, 'account'))
  if lock_of(account) ~= 0 then
    return { subject, shown_account(account) }
  end
end)
