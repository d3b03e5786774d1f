// A real OpenID provider, oidc-provider, with its development login form. Prints its address, then serves.
// The login name decides the claims: `ann` has ann@<domain>, verified; `unverified-…` is not verified.
// Ends when its standard input does. Order: {"redirect": "…/callback", "domain": "corp.example", "id_token_claims": false}
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const order = JSON.parse(process.argv[2])
const server = createServer((request, response) => provider.callback()(request, response))
let provider

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  provider = new Provider(issuer, {
    clients: [{
      client_id: 'soundstage',
      client_secret: 'a secret: 50% & more',
      redirect_uris: [order.redirect],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: !order.id_token_claims,
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['only for tests'] },
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: `The ${id}`,
        email: id.includes('@') ? id : `${id}@${order.domain}`,
        email_verified: !id.startsWith('unverified'),
      }),
    }),
  })
  console.log(JSON.stringify({ issuer }))
})

process.stdin.on('end', () => process.exit(0)).resume()
