// Prints the fingerprint of the pair this process runs with.
const { createHmac } = require('node:crypto');

const text = process.env.QUARTERTURN_PRINT_KEY;
const colon = text.lastIndexOf(':');
const mac = createHmac('sha256', Buffer.from(text.slice(colon + 1), 'hex'));
for (const part of ['key', process.env.BLUUM_API_KEY, 'secret', process.env.BLUUM_API_SECRET]) {
  mac.update(`${Buffer.byteLength(part)}:${part},`);
}
console.log(`${text.slice(0, colon)}:${mac.digest('hex')}`);
