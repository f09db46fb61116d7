// The sample wallet on Fastify. `node fastify.js fastify4|fastify5 [relaxed]`: relaxed switches on every option of its router
// that takes more spellings. PORT=0 takes a free port.
'use strict';

const { Wallet, PROTECTED, OPEN, serve } = require('./wallet');

const routerOptions = process.argv[3] === 'relaxed'
  ? { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false, useSemicolonDelimiter: true }
  : {};
const isOld = process.argv[2] === 'fastify4';
const serverFactory = (handler) => serve(handler, { hasWebSocket: true });
const app = require(process.argv[2])({ serverFactory, ...(isOld ? routerOptions : { routerOptions }) });
const wallet = new Wallet();
app.register(require(isOld ? 'formbody4' : 'formbody5'));

for (const [method, url] of PROTECTED) {
  app.route({
    method,
    url,
    handler: async (request) => {
      const { method, body, raw, headers } = request;
      const names = Object.keys(headers);
      return wallet.handle(url, { method, url: raw.url, body, headers: names, mark: headers['x-mark'] });
    },
  });
}
for (const [method, url] of OPEN) {
  app.route({ method, url, handler: async () => wallet.open(url) });
}
app.get('/__hits', async () => wallet.hits);
app.delete('/__hits', async () => {
  wallet.hits.length = 0;
  return { success: true };
});

app.listen({ port: Number(process.env.PORT ?? 0), host: '127.0.0.1' })
  .then(() => console.log(`listening ${app.server.address().port}`));
