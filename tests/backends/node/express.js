// The sample wallet on Express. `node express.js express4|express5 [lenient]`: lenient believes every header and field
// that can change a request's method or path, and its protected handlers take all methods. PORT=0 takes a free port.
'use strict';

const { Wallet, PROTECTED, OPEN, serve } = require('./wallet');
const express = require(process.argv[2]);

const isLenient = process.argv[3] === 'lenient';
const wallet = new Wallet();
const app = express();
app.use(express.json());
app.use(express.urlencoded({ extended: true }));

// What the `method-override` package and reverse-proxy middleware do, for all their names at once.
const METHOD_HEADERS = ['x-http-method-override', 'x-http-method', 'x-method-override'];
const PATH_HEADERS = ['x-original-url', 'x-rewrite-url'];

if (isLenient) {
  app.use((req, res, next) => {
    const given = (names) => names.map((name) => req.headers[name]).find((value) => value !== undefined);
    req.method = String(given(METHOD_HEADERS) ?? req.body?._method ?? req.query._method ?? req.method).toUpperCase();
    req.url = given(PATH_HEADERS) ?? req.url;
    next();
  });
}

for (const [method, path] of PROTECTED) {
  app[isLenient ? 'all' : method.toLowerCase()](path, (req, res) => {
    const { method, originalUrl: url, body, headers } = req;
    res.json(wallet.handle(path, { method, url, body, headers: Object.keys(headers), mark: headers['x-mark'] }));
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

const server = serve(app, { hasWebSocket: !isLenient });
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
