// Verifies a token with the JWT libraries of Node, by the key set at a URL, and prints what each one found.
// Usage: node jwt.mjs '{"token": "eyJ…", "jwks": "http://127.0.0.1:8000/.well-known/jwks.json", "issuer": "…", "audience": "…"}'
import { createPublicKey } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { input } from './input.mjs';

const { token, jwks, issuer, audience } = await input();

const published = await (await fetch(jwks)).json();
const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString());
const jwk = published.keys.find((key) => key.kid === header.kid);
const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });

const libraries = {
  jose: async () => (await jwtVerify(token, createRemoteJWKSet(new URL(jwks)), { issuer, audience, typ: 'at+jwt' })).payload,
  jsonwebtoken: async () => jsonwebtoken.verify(token, pem, { algorithms: ['ES256'], issuer, audience }),
  'fast-jwt': async () => createVerifier({ key: pem, algorithms: ['ES256'], allowedIss: issuer, allowedAud: audience })(token),
};
for (const [library, verify] of Object.entries(libraries)) {
  let result;
  try {
    result = { library, claims: await verify() };
  } catch (error) {
    result = { library, refused: error.code ?? error.message };
  }
  process.stdout.write(JSON.stringify(result) + '\n');
}
