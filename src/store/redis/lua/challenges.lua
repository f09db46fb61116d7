-- Subjects with a live code; see listing.
return listing(function(subject, account_key)
  local reference = redis.call('HGET', account_key, 'pending')
  if not reference then
    return nil
  end
  local challenge = redis.call('HMGET', ARGV[7] .. subject .. ':' .. reference, 'purpose', 'binding', 'phase',
    'until', 'codes')
  if is_pending(challenge, ARGV[2]) then
    return { subject, reference, challenge[3], shown_codes(challenge[5]) }
  end
end)
