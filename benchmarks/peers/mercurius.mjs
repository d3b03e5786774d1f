// The peer on Node: Fastify with mercurius and its JIT. `node mercurius.mjs FOLDER PORT`
import fastify from 'fastify'
import mercurius from 'mercurius'

const owner = { id: 'u1', name: 'Ada Lovelace', email: 'ada@example.com' }
const items = Array.from({ length: 100 }, (_, number) => ({
  id: `ws_${number}`, name: `workspace ${number}`, slug: `workspace-${number}`, status: 'RUNNING', region: 'eu-west-1',
  cpu: 4, memoryMb: 8192, diskGb: 20.5, createdAt: '2026-08-01T10:00:00Z', active: true, owner
}))
const byId = new Map(items.map((item) => [item.id, item]))
const schema = `
  type Owner { id: ID! name: String! email: String! }
  type Item {
    id: ID! name: String! slug: String! status: String! region: String! cpu: Int! memoryMb: Int! diskGb: Float!
    createdAt: String! active: Boolean! owner: Owner!
  }
  type Query { workspace(id: ID!): Item workspaces: [Item!]! }
`
const resolvers = { Query: { workspace: async (_, { id }) => byId.get(id), workspaces: async () => items } }
const app = fastify()
app.register(mercurius, { schema, resolvers, jit: 1 })
await app.listen({ port: Number(process.argv[3]), host: '127.0.0.1' })
