// The wallet itself: what every sample backend does, whichever router it sits behind. In memory.
'use strict';

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
    const { method, url, body = null, mark = null } = request;
    this.hits.push({ route, method, url, body, mark });
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

// Prints the line that the tests wait for.
function announce(port) {
  console.log(`listening ${port}`);
}

module.exports = { Wallet, PROTECTED, OPEN, announce };
