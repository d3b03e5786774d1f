// The peer on Node: graphql-ws on ws, with a queue for each subscriber. `node graphql_ws.mjs FOLDER PORT`
import { createServer } from 'node:http'
import { buildSchema } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'

const schema = buildSchema(`
  type Tick { id: ID! source: ID! number: Int! stream: String! text: String! at: String! }
  type Query { ok: Boolean! }
  type Subscription { ticks(of: ID!): Tick! }
`)
const subscribers = new Set()
async function* ticks() {
  const waiting = []
  let wake = null
  const push = (event) => { waiting.push(event); if (wake) { const woken = wake; wake = null; woken() } }
  subscribers.add(push)
  try {
    for (;;) {
      while (waiting.length) yield { ticks: waiting.shift() }
      await new Promise((resolve) => { wake = resolve })
    }
  } finally { subscribers.delete(push) }
}
schema.getSubscriptionType().getFields().ticks.subscribe = ticks
let number = 0
setInterval(() => {
  number++
  const event = {
    id: `l${number}`, source: 's1', number, stream: 'stdout',
    text: '[build] step 14/22: compiling module soundstage.core.plan ok', at: '2026-08-01T10:00:00Z'
  }
  for (const push of subscribers) push(event)
}, 200)
const server = createServer()
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(Number(process.argv[3]), '127.0.0.1')
