// A wallet on Express 5 that leaves one-time codes to otp-sidecar. There is no code in this file that makes, mails,
// compares, counts or forgets one: what reaches `verify-otp` has been confirmed. It keeps everything in memory.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const express = require('express');
const jwt = require('jsonwebtoken');

const secret = process.env.JWT_SECRET;
if (!secret || secret.length < 32) {
  console.error('JWT_SECRET must have at least 32 characters; the sidecar needs the same one');
  process.exit(1);
}

const app = express();
// Only the sidecar can connect, so what it says about the client is true. By a unix socket nobody has an address.
app.set('trust proxy', process.env.SOCKET ? true : 'loopback');
app.use(express.json());

const balances = new Map();
const transactions = new Map();
const refuse = (res, status, message) => res.status(status).json({ success: false, message });

// The sidecar checks tokens, too. The wallet goes on doing it: that is not a matter of codes.
function caller(req, res, next) {
  try {
    const [, token] = /^Bearer (.+)$/.exec(req.get('authorization') ?? '') ?? [];
    req.user = jwt.verify(token, secret, { algorithms: ['HS256'] });
    next();
  } catch {
    refuse(res, 401, 'Please log in.');
  }
}

// For trying out: whoever asks is let in. A real wallet checks a password here.
app.post('/user/login', (req, res) => {
  const email = String(req.body?.email ?? '');
  if (!email.includes('@')) return refuse(res, 400, 'Which e-mail address?');
  const id = crypto.createHash('sha256').update(email.toLowerCase()).digest('hex').slice(0, 24);
  res.json({ success: true, token: jwt.sign({ id, email, role: 'user' }, secret, { expiresIn: '1h' }) });
});

app.get('/api/wallet/balance', caller, (req, res) => {
  res.json({ success: true, balance: balances.get(req.user.id) ?? 0 });
});

// Opens a transaction. The sidecar sees the reference in the answer, and mails a code for it.
app.post('/api/wallet/fund', caller, (req, res) => {
  const amount = Number(req.body?.amount);
  if (!(amount >= 100 && amount <= 10_000_000)) return refuse(res, 400, 'The amount must be 100 to 10,000,000.');
  const transactionReference = `FUND-${Date.now()}-${crypto.randomBytes(4).toString('hex')}`;
  transactions.set(transactionReference, { owner: req.user.id, amount, isPending: true });
  res.json({ success: true, message: 'Confirm it with the code that we mailed.', transactionReference });
});

// Reached only with a right code, once. What the wallet alone knows, it still decides: whether the transaction exists,
// is the caller's, and is still open. The exact paths, since handlers by prefix would answer others, too.
app.post(['/api/wallet/verify-otp', '/api/wallet/otp/verify'], caller, (req, res) => {
  const transaction = transactions.get(String(req.body?.transaction_reference));
  if (transaction?.owner !== req.user.id || !transaction.isPending) return refuse(res, 404, 'No such transaction.');
  transaction.isPending = false;
  const newBalance = (balances.get(req.user.id) ?? 0) + transaction.amount;
  balances.set(req.user.id, newBalance);
  res.json({ success: true, newBalance, transactionId: `TXN-${req.body.transaction_reference}` });
});

app.get('/healthz', (req, res) => res.json({ success: true }));
app.use((req, res) => refuse(res, 404, 'There is nothing here.'));
app.use((error, req, res, next) => refuse(res, error.status ?? 500, 'That did not work.'));

// Loopback, or a unix socket: who can connect here needs no code.
const where = process.env.SOCKET
  ? { path: process.env.SOCKET }
  : { host: process.env.HOST ?? '127.0.0.1', port: Number(process.env.PORT ?? 3000) };
if (process.env.SOCKET) {
  // For the sidecar, which is another user in the same group. What a wallet that was killed left behind is in the way.
  process.umask(0o007);
  fs.rmSync(process.env.SOCKET, { force: true });
}
const server = app.listen(where, (error) => {
  if (error) throw error;
  const address = server.address();
  console.log(`listening on ${typeof address === 'string' ? address : `${address.address}:${address.port}`}`);
});
// The sidecar keeps idle connections for 60 s. Who closes later than that never closes in its face.
server.keepAliveTimeout = 65_000;
// Requests under way end; then this does.
process.on('SIGTERM', () => server.close());
