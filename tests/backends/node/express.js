// The sample wallet on Express. `node express.js express4|express5`; PORT=0 takes a free port.
'use strict';

const { Wallet, PROTECTED, OPEN, announce } = require('./wallet');
const express = require(process.argv[2]);

const wallet = new Wallet();
const app = express();
app.use(express.json());
app.use(express.urlencoded({ extended: true }));

for (const [method, path] of PROTECTED) {
  app[method.toLowerCase()](path, (req, res) => {
    const seen = { method: req.method, url: req.originalUrl, body: req.body, mark: req.get('x-mark') };
    res.json(wallet.handle(path, seen));
  });
}
for (const [method, path] of OPEN) {
  app[method.toLowerCase()](path, (req, res) => res.json(wallet.open(path)));
}
app.get('/__hits', (req, res) => res.json(wallet.hits));
app.delete('/__hits', (req, res) => {
  wallet.hits.length = 0;
  res.json({ success: true });
});
app.use((req, res) => res.status(404).json({ message: 'no such route' }));
app.use((error, req, res, next) => res.status(error.status ?? 500).json({ message: 'refused' }));

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => announce(server.address().port));
