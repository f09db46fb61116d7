// The wallet itself: what every sample backend does, whichever router it sits behind. In memory.
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');

const PROTECTED = [
  ['POST', '/api/wallet/fund'],
  ['POST', '/api/wallet/verify-otp'],
  ['POST', '/api/wallet/otp/verify'],
  ['POST', '/api/wallet/otp/send'],
  ['GET', '/api/wallet/otp/status'],
  ['POST', '/api/wallet/deduct'],
  ['POST', '/api/wallets/:id/fund'],
];

const OPEN = [
  ['POST', '/user/login'],
  ['GET', '/api/wallet/balance'],
  ['GET', '/api/wallet/transactions'],
];

class Wallet {
  constructor() {
    this.hits = [];
    this.balance = 0;
    this.pending = new Map();
  }

  // Answers a request that reached the handler of a protected route, and remembers that it did. `mark` is
  // the request's X-Mark header, by which a test knows its own request again.
  handle(route, request) {
    const { method, url, body = null, headers = [], mark = null } = request;
    this.hits.push({ route, method, url, body, headers, mark });
    switch (route) {
      case '/api/wallet/fund':
      case '/api/wallets/:id/fund':
        return this.fund(request.body ?? {});
      case '/api/wallet/verify-otp':
      case '/api/wallet/otp/verify':
        return this.verify(request.body ?? {});
      case '/api/wallet/otp/send':
        return { success: true, message: 'sent', expiresIn: 300 };
      case '/api/wallet/otp/status':
        return { success: true, exists: false };
      default:
        return { success: true };
    }
  }

  fund(body) {
    const transactionReference = `FUND-${Date.now()}-${this.pending.size}`;
    this.pending.set(transactionReference, Number(body.amount) || 0);
    return { success: true, transactionReference };
  }

  verify(body) {
    const reference = String(body.transaction_reference);
    this.balance += this.pending.get(reference) ?? 0;
    this.pending.delete(reference);
    return { success: true, newBalance: this.balance, transactionId: `TXN-${reference}` };
  }

  open(route) {
    return route === '/api/wallet/balance' ? { success: true, balance: this.balance } : { success: true };
  }
}

// Answers a request that asks for it with itself, whatever its path is: what arrived, as it arrived.
function echo(req, res) {
  const pieces = [];
  req.on('data', (piece) => pieces.push(piece));
  req.on('end', () => {
    const { method, url, rawHeaders, trailers } = req;
    const body = Buffer.concat(pieces).toString('hex');
    const names = rawHeaders.filter((_, place) => place % 2 === 0);
    const headers = names.map((name, place) => [name.toLowerCase(), rawHeaders[2 * place + 1]]);
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ method, url, headers, trailers, body }));
  });
}

// Opens a WebSocket on /ws (RFC 6455, 4.2.2) and sends back whatever bytes arrive.
function upgrade(req, socket, head) {
  if (req.url.split('?')[0] !== '/ws' || req.headers.upgrade?.toLowerCase() !== 'websocket') {
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  const key = `${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = crypto.createHash('sha1').update(key).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on('error', () => {});
  socket.write(head);
  socket.pipe(socket);
}

// A server around a framework's handler.
function serve(handler, { hasWebSocket }) {
  const server = http.createServer((req, res) => ('x-echo' in req.headers ? echo : handler)(req, res));
  // With a listener, requests for any upgrade no longer reach the handler.
  return hasWebSocket ? server.on('upgrade', upgrade) : server;
}

module.exports = { Wallet, PROTECTED, OPEN, serve };
